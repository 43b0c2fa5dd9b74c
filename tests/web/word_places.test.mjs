import assert from 'node:assert/strict'
import { test } from 'node:test'

import { holds, insertion, phrases, removal } from '../../web/lib/word_places.js'

const edited = (text, edit) => text.slice(0, edit.start) + edit.text + text.slice(edit.end)

/** `|` is the cursor, `[` and `]` are around what is selected. */
function inserted(marked, word = 'ink') {
  const start = marked.search(/[|[]/)
  const plain = marked.replace(/[|[]/, '')
  const end = plain.includes(']') ? plain.indexOf(']') : start
  const text = plain.replace(']', '')
  return edited(text, insertion(text, start, end, word))
}

test('a word goes where the cursor is, with the commas that it needs', () => {
  for (const [marked, expected] of [
    ['|', 'ink'],
    ['a harbour|', 'a harbour, ink'],
    ['a harbour,|', 'a harbour, ink'],
    ['a harbour, |', 'a harbour, ink'],
    ['|a harbour', 'ink, a harbour'],
    ['a harbour|, at night', 'a harbour, ink, at night'],
    ['a harbour, |at night', 'a harbour, ink, at night'],
    ['a harbour |at night', 'a harbour, ink, at night'],
    ['a harbour\n|', 'a harbour\nink'],
    ['a harbour|\nat night', 'a harbour, ink\nat night'],
    ['(|)', '(ink)'],
    ['a [dull] day', 'a, ink, day'],
    ['[all of it]', 'ink'],
  ]) {
    assert.equal(inserted(marked), expected, marked)
  }
})

test('a word that is there is found and taken out with its comma', () => {
  for (const [text, expected] of [
    ['ink', ''],
    ['ink, a harbour', 'a harbour'],
    ['a harbour, Ink', 'a harbour'],
    ['a harbour, ink, at night', 'a harbour, at night'],
    ['a harbour\nink, at night', 'a harbour\nat night'],
  ]) {
    assert.ok(holds(text, 'ink'), text)
    assert.equal(edited(text, removal(text, 'ink')), expected, text)
  }
  for (const text of ['', 'inky', 'pink', 'ink wash', '(ink:1.2)']) {
    assert.equal(holds(text, 'ink'), false, text)
    assert.equal(removal(text, 'ink'), null)
  }
  assert.ok(holds('a, ink_wash', 'Ink  wash'))
})

test('what goes in can be taken out again', () => {
  const text = 'a harbour, at night'
  const there = edited(text, insertion(text, 9, 9, 'ink wash'))
  assert.equal(edited(there, removal(there, 'ink wash')), text)
})

test('words come apart at commas, each once', () => {
  assert.deepEqual(phrases(['ink wash, brush', 'Brush\nlines', ' ', 'ink_wash']), [
    'ink wash', 'brush', 'lines',
  ])
})
