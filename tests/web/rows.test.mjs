import assert from 'node:assert/strict'
import { test } from 'node:test'

import {
  ALL_FIELDS,
  closeUpInputs,
  inputName,
  keptInputs,
  newRow,
  parseInputName,
  rowsFromSaved,
  rowsToSaved,
  shortName,
  withMoved,
  withSkipToggled,
  withWindowToggled,
} from '../../web/lib/rows.js'

const INK = { on: true, lora: 'ink.safetensors', strength_model: 0.8, strength_clip: 0.6, blocks: '' }
const WASH = { on: false, lora: 'a/wash.safetensors', strength_model: -1, strength_clip: 0, blocks: '1,0' }

test('every input name reads back as its field and number', () => {
  for (const field of ALL_FIELDS) {
    for (const number of [1, 2, 17]) {
      assert.deepEqual(parseInputName(inputName(field, number)), { field, number })
    }
  }
})

test('names that are no row inputs are not taken for one', () => {
  for (const name of ['lora', 'lora_', 'lora_0', 'lora_01', 'lora_1x', 'model', 'strength_1', 'Add LoRA']) {
    assert.equal(parseInputName(name), null, name)
  }
})

test('saved rows survive a round trip unchanged', () => {
  assert.deepEqual(rowsFromSaved(rowsToSaved([INK, WASH])), [INK, WASH])
})

const ODD = [
  ['nothing', undefined, []],
  ['null', null, []],
  ['an empty list', [], []],
  ['text', 'rows', []],
  ['a last row cut short', [true, 'ink.safetensors', 0.8], [{ ...INK, strength_clip: 0.8 }]],
  ['gaps filled with null', [null, null, null, null, null], []],
  ['objects of another pack', [{}, { lora: 'x', strength: 1 }, null, ''], []],
  ['only objects of another pack', [{}, { lora: 'x', strength: 1 }], []],
  ['numbers as text', [true, 'ink.safetensors', '0.8', '0.6', ''], [INK]],
  ['no numbers', [true, 'ink.safetensors', 'much', NaN, null], [newRow('ink.safetensors')]],
  ['an object by name', { lora_9: 'b', on_9: false, lora_2: 'a' }, [newRow('a'), { ...newRow('b'), on: false }]],
]

for (const [name, saved, rows] of ODD) {
  test(`rows are read from ${name}`, () => assert.deepEqual(rowsFromSaved(saved), rows))
}

test('inputs of an API graph close up, keep links and get defaults', () => {
  const { inputs, rows } = closeUpInputs({
    model: ['1', 0],
    lora_5: 'b',
    strength_model_5: ['2', 0],
    lora_3: 'a',
    strength_model_3: 0.5,
  })

  assert.deepEqual(rows, [{ ...newRow('a'), strength_model: 0.5, strength_clip: 0.5 }, newRow('b')])
  assert.deepEqual(inputs.model, ['1', 0])
  assert.equal(inputs.lora_1, 'a')
  assert.equal(inputs.strength_clip_1, 0.5)
  assert.deepEqual(inputs.strength_model_2, ['2', 0])
  assert.equal(inputs.strength_clip_2, 1)
  assert.equal(Object.keys(inputs).length, 11)
})

test('rows of different lengths are told apart', () => {
  const rows = [
    INK,
    { ...WASH, start: 0.25, stop: 1 },
    { ...INK, on_mismatch: 'skip' },
    { ...WASH, start: 0, stop: 0.5, on_mismatch: 'stop' },
    INK,
  ]

  assert.deepEqual(rowsToSaved(rows).length, 25 + 2 + 1 + 3)
  assert.deepEqual(rowsFromSaved(rowsToSaved(rows)), rows)
})

test('inputs of an API graph keep a window and what to do on a mismatch', () => {
  const { inputs, rows } = closeUpInputs({ lora_2: 'a', stop_2: ['4', 0], on_mismatch_2: 'skip' })

  assert.deepEqual(rows, [{ ...newRow('a'), start: 0, stop: 1, on_mismatch: 'skip' }])
  assert.deepEqual(inputs.stop_1, ['4', 0])
  assert.equal(inputs.start_1, 0)
  assert.equal(inputs.on_mismatch_1, 'skip')
})

test('a window and skipping are switched on and off', () => {
  const row = withSkipToggled(withWindowToggled(INK))

  assert.deepEqual(row, { ...INK, start: 0, stop: 1, on_mismatch: 'skip' })
  assert.deepEqual(withSkipToggled(withWindowToggled(row)), INK)
})

test('moving keeps every item', () => {
  assert.deepEqual(withMoved([0, 1, 2, 3], 3, 0), [3, 0, 1, 2])
  assert.deepEqual(withMoved([0, 1, 2, 3], 0, 2), [1, 2, 0, 3])
})

test('short names drop folders of either system', () => {
  assert.equal(shortName('a/b/c.safetensors'), 'c.safetensors')
  assert.equal(shortName('a\\c.safetensors'), 'c.safetensors')
  assert.equal(shortName(''), '')
})

test('of the sockets that earlier versions saved, those that are linked stay', () => {
  const rows = [newRow('a'), newRow('b')]
  const model = { name: 'model', link: null }
  const linked = { name: 'strength_model_2', link: 7 }
  const asked = { name: 'lora_1', link: null, label: 'LoRA 1: file' }
  const given = [
    model, { name: 'on_1', link: null }, asked, linked,
    { name: 'start_1', link: 8 }, { name: 'lora_3', link: 9 },
  ]
  assert.deepEqual(keptInputs(given, rows), {
    inputs: [model, asked, linked],
    shown: [{ field: 'lora', number: 1 }, { field: 'strength_model', number: 2 }],
    isOld: true,
  })
  assert.equal(keptInputs([model, asked, linked], rows).isOld, false)
})
