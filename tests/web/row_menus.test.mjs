import assert from 'node:assert/strict'
import { test } from 'node:test'

import { newRow } from '../../web/lib/rows.js'
import { rowEntries, stackEntries } from '../../web/widgets/row_menus.js'

function entries(...names) {
  const calls = []
  const actions = {
    remove: (index) => calls.push(['remove', index]),
    duplicate: (index) => calls.push(['duplicate', index]),
    move: (from, to) => calls.push(['move', from, to]),
    toggleWindow: (index) => calls.push(['toggleWindow', index]),
    toggleSkip: (index) => calls.push(['toggleSkip', index]),
    copy: (index) => calls.push(['copy', index]),
    choose: (index) => calls.push(['choose', index]),
    isMissing: (index) => names[index] === '',
    checkModels: () => calls.push(['checkModels']),
    editBlocks: (index) => calls.push(['editBlocks', index]),
  }
  return { calls, list: rowEntries(names.map(newRow), actions) }
}

test('each row offers what can be done with it', () => {
  const { calls, list } = entries('a/x.safetensors', '')

  assert.deepEqual(list.map((entry) => entry.title), ['1: x.safetensors', '2: no file chosen'])
  for (const option of list[1].submenu.options) option.callback()
  assert.deepEqual(calls, [
    ['checkModels'], ['choose', 1], ['editBlocks', 1], ['remove', 1], ['copy', 1], ['duplicate', 1], ['move', 1, 0], ['move', 1, 2], ['toggleWindow', 1], ['toggleSkip', 1],
  ])
})

test('the ends cannot be moved beyond', () => {
  const disabled = entries('a', 'b').list.map((entry) =>
    entry.submenu.options.filter((option) => option.disabled).map((option) => option.content),
  )
  assert.deepEqual(disabled, [['Move up'], ['Move down']])
})

test('a file name never reaches the field in which the host reads HTML', () => {
  const [entry] = entries('<b>x</b>').list
  assert.equal(entry.content, 'LoRA 1')
})

test('what a row has already is offered to be taken away', () => {
  const row = { ...newRow('a'), start: 0.2, stop: 1, on_mismatch: 'skip' }
  const [plain, changed] = [newRow('a'), row].map((each) =>
    rowEntries([each], { isMissing: () => false })[0].submenu.options.slice(-2).map((option) => option.content),
  )

  assert.deepEqual(plain, ['Act in some steps', 'Skip if it does not fit'])
  assert.deepEqual(changed, ['Act in all steps', 'Stop if it does not fit'])
})

test('without rows there is only pasting; with rows all of them can be scaled', () => {
  const calls = []
  const actions = { scaleAll: (factor) => calls.push(factor) }
  assert.deepEqual(stackEntries([], actions).map(({ content }) => content), ['Paste rows'])
  const [, scale] = stackEntries([newRow('a')], actions)
  for (const option of scale.submenu.options) option.callback()
  assert.deepEqual(calls, [0.5, 0.8, 0.9, 1.1, 1.25, 2])
})
