import assert from 'node:assert/strict'
import { test } from 'node:test'

import { KeptNames, drawn, search, searchable } from '../../web/lib/lora_search.js'

const NAMES = ['ink/wash.safetensors', 'old ink.safetensors', 'style\\Ink.safetensors', 'detail.safetensors']
const found = (query) => search(searchable(NAMES), query).map(({ name }) => name)

test('files that begin with the word come first, folders that have it last, in any case', () => {
  assert.deepEqual(found('INK'), [
    'style\\Ink.safetensors', 'old ink.safetensors', 'ink/wash.safetensors',
  ])
})

test('all words must be there, in any order; nothing typed means everything', () => {
  assert.deepEqual(found('ink style'), ['style\\Ink.safetensors'])
  assert.deepEqual(found('ink nothing'), [])
  assert.deepEqual(found('  '), NAMES)
})

test('what else is known of a file is searched last', () => {
  const known = (name) => (name === NAMES[3] ? 'sdxl brush wash' : '')
  const names = (query) => search(searchable(NAMES), query, known).map(({ name }) => name)
  assert.deepEqual(names('wash'), ['ink/wash.safetensors', 'detail.safetensors'])
  assert.deepEqual(names('detail brush'), ['detail.safetensors'])
  assert.deepEqual(names('ink brush'), [])
})

test('the folder is told from the file, whichever way its separators lean', () => {
  const parts = searchable(NAMES).map(({ folder, file }) => [folder, file])
  assert.deepEqual(parts[0], ['ink/', 'wash.safetensors'])
  assert.deepEqual(parts[2], ['style\\', 'Ink.safetensors'])
  assert.deepEqual(parts[3], ['', 'detail.safetensors'])
})

test('only what is seen of a list is drawn, and a little more', () => {
  const view = { count: 20000, height: 340, rowHeight: 34, more: 2 }
  assert.deepEqual(drawn({ ...view, top: 0 }), { first: 0, last: 12 })
  assert.deepEqual(drawn({ ...view, top: 3400 }), { first: 98, last: 112 })
  assert.deepEqual(drawn({ ...view, top: 20000 * 34 - 340 }), { first: 19988, last: 20000 })
  assert.deepEqual(drawn({ ...view, count: 3, top: 0 }), { first: 0, last: 3 })
})

function storage(values = {}) {
  return { values, getItem: (key) => values[key] ?? null, setItem: (key, value) => (values[key] = value) }
}

test('the last used comes first, once, and old ones are forgotten', () => {
  const kept = new KeptNames(storage(), 'k')
  for (const name of ['a', 'b', 'a']) kept.use(name)
  assert.deepEqual(kept.names(), ['a', 'b'])
  for (let at = 0; at < 100; at += 1) kept.use(String(at))
  assert.equal(kept.names().length, 30)
  kept.toggle('99')
  assert.equal(kept.names()[0], '98')
})

test('what somebody else wrote there is no list of names, and a full storage is no error', () => {
  for (const text of ['{', '{"a":1}', 'null', '[1, "a", null]']) {
    assert.deepEqual(new KeptNames(storage({ k: text }), 'k').names(), text[0] === '[' ? ['a'] : [])
  }
  const full = { getItem: () => null, setItem: () => { throw new Error('full') } }
  assert.doesNotThrow(() => new KeptNames(full, 'k').use('a'))
})
