import assert from 'node:assert/strict'
import { test } from 'node:test'

import { newRow } from '../../web/lib/rows.js'
import { inputEntries, rowEntries, stackEntries } from '../../web/widgets/row_menus.js'

const ACTIONS = [
  'checkModels', 'choose', 'editBlocks', 'linkStrengths', 'toggleWindow', 'toggleSkip', 'inputs',
  'move', 'duplicate', 'copy', 'remove',
]

function entriesOf(place) {
  const calls = []
  const actions = Object.fromEntries(
    ACTIONS.map((name) => [name, (...given) => calls.push([name, ...given])]),
  )
  const whole = { row: newRow('a'), index: 1, count: 3, isLinked: true, isMissing: false, ...place }
  const list = rowEntries(whole, actions).filter((entry) => entry !== '-')
  return { calls, list, labels: list.map(({ label }) => label) }
}

test('a row offers what can be done with it', () => {
  const { calls, list } = entriesOf({ isMissing: true })
  for (const { act } of list) act()
  assert.deepEqual(calls, [
    ['checkModels'], ['choose'], ['editBlocks'], ['linkStrengths'], ['toggleWindow'],
    ['toggleSkip'], ['inputs'], ['move', -1], ['move', 1], ['duplicate'], ['copy'], ['remove'],
  ])
})

test('the ends cannot be moved beyond', () => {
  const disabled = (index) =>
    entriesOf({ index }).list.filter((entry) => entry.disabled).map(({ label }) => label)
  assert.deepEqual([0, 1, 2].map(disabled), [['Move up'], [], ['Move down']])
})

test('what a row has already is offered to be taken away', () => {
  const plain = entriesOf({}).labels
  const row = { ...newRow('a'), start: 0.2, stop: 1, on_mismatch: 'skip' }
  const changed = entriesOf({ row, isLinked: false }).labels

  assert.deepEqual(plain.filter((label) => !changed.includes(label)), [
    'Set model and clip strength apart', 'Act in some steps', 'Skip if it does not fit',
  ])
  assert.deepEqual(changed.filter((label) => !plain.includes(label)), [
    'One strength for model and clip', 'Act in all steps', 'Stop if it does not fit',
  ])
})

test('each field of a row can have an input socket', () => {
  const toggled = []
  const row = { ...newRow('a'), on_mismatch: 'skip' }
  const entries = inputEntries(row, (field) => field === 'lora', (field) => toggled.push(field))
  for (const { act } of entries) act()
  assert.deepEqual(toggled, ['on', 'lora', 'strength_model', 'strength_clip', 'blocks', 'on_mismatch'])
  assert.deepEqual(entries.filter(({ checked }) => checked).map(({ label }) => label), ['file'])
})

test('without rows there are only pasting and presets; with rows all of them can be scaled', () => {
  const calls = []
  const actions = { scaleAll: (factor) => calls.push(factor) }
  assert.deepEqual(stackEntries([], actions).map(({ label }) => label), ['Paste rows', 'Stack presets'])
  const entries = stackEntries([newRow('a')], actions)
  for (const option of entries.slice(entries.indexOf('-') + 1)) option.act()
  assert.deepEqual(calls, [0.5, 0.8, 0.9, 1.1, 1.25, 2])
})
