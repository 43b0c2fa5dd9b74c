import assert from 'node:assert/strict'
import { test } from 'node:test'

import { allScaled, allToggled, rowsFromTags, rowsToTags } from '../../web/lib/row_tags.js'
import { newRow } from '../../web/lib/rows.js'

const NAMES = ['style/wash.safetensors', 'ink.safetensors', 'a/twin.pt', 'b/twin.pt']
const row = (lora, more = {}) => ({ ...newRow(lora), ...more })
const read = (text) => rowsFromTags(text, NAMES)

test('rows that are on become tags and come back the same', () => {
  const rows = [
    row('ink.safetensors', { strength_model: 0.5, strength_clip: 0.5 }),
    row('style/wash.safetensors', { strength_model: 0.8, strength_clip: -0.2 }),
    row('ink.safetensors', { strength_model: 0.8, strength_clip: 0.1, blocks: 'IN04-08=0.5, *=0' }),
  ]
  const text = rowsToTags([...rows, row('ink.safetensors', { on: false })])

  assert.equal(
    text,
    '<lora:ink:0.5> <lora:style/wash:0.8:-0.2> <lora:ink:te=0.1:unet=0.8:lbw=IN04-08=0.5, *=0>',
  )
  assert.deepEqual(read(text), { rows, refused: [] })
})

test('a name is that of a file with or without folder and extension, or stays as it is', () => {
  const names = ['wash', 'ink.safetensors', 'twin', 'b/twin', 'ghost'].map(
    (name) => read(`a cat <lora:${name}:1>`).rows[0].lora,
  )
  assert.deepEqual(names, ['style/wash.safetensors', 'ink.safetensors', 'twin', 'b/twin.pt', 'ghost'])
})

test('strengths are the model’s first, and the text encoder’s first where a tag is the WebUI’s', () => {
  const strengths = (text) => {
    const [{ strength_model: model, strength_clip: clip }] = read(text).rows
    return [model, clip]
  }
  assert.deepEqual(strengths('<lora:ink>'), [1, 1])
  assert.deepEqual(strengths('<LORA:ink:.5:1>'), [0.5, 1])
  assert.deepEqual(strengths('<lora:ink:.5:1:lbw=MID>'), [1, 0.5])
  assert.deepEqual(strengths('<lora:ink:te=0.3:unet=2>'), [2, 0.3])
})

test('a tag that says what a row cannot is refused whole', () => {
  const tags = ['<lora:ink:1:step=5-12>', '<lora:ink:1:2:3>', '<lora::1>', '<lora:ink:te=x>', '<lora:ink:no>']
  assert.deepEqual(read(tags.join(' and ')), { rows: [], refused: tags })
  assert.deepEqual(read('no tag <b>'), { rows: [], refused: [] })
})

test('all rows go off while any is on, then on again', () => {
  const rows = [row('a'), row('b', { on: false })]
  const off = allToggled(rows)
  assert.deepEqual(off.map(({ on }) => on), [false, false])
  assert.deepEqual(allToggled(off).map(({ on }) => on), [true, true])
})

test('scaling keeps two decimals and stays within what a row takes', () => {
  const [scaled] = allScaled([row('a', { strength_model: 0.55, strength_clip: -9 })], 1.25)
  assert.deepEqual([scaled.strength_model, scaled.strength_clip], [0.69, -10])
})
