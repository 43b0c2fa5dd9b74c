import assert from 'node:assert/strict'
import { test } from 'node:test'

import {
  KnownNames, PARTS, STRENGTHS, afterKey, dragged, dropIndex, factsOf, formatNumber, nameParts,
  parseNumber, problemOf, sparkline, withStrength,
} from '../../web/lib/row_view.js'
import { newRow } from '../../web/lib/rows.js'

test('a file is shown as its name and its folder', () => {
  for (const [lora, file, folder] of [
    ['ink.safetensors', 'ink', ''],
    ['style/wash v1.2.safetensors', 'wash v1.2', 'style'],
    ['a\\b\\x.PT', 'x', 'a/b'],
    ['.safetensors', '.safetensors', ''],
    ['', '', ''],
  ]) {
    assert.deepEqual(nameParts(lora), { file, folder }, lora)
  }
})

test('what is typed is a number within the range, or nothing', () => {
  for (const [text, value] of [
    ['0.8', 0.8], [' -,35 ', -0.35], ['+1', 1], ['.5', 0.5], ['99', 10], ['-99', -10],
    ['0.125', 0.13], ['-0', 0],
    ['', null], ['much', null], ['1e3', null], ['0x10', null], ['1.2.3', null], ['Infinity', null],
  ]) {
    assert.equal(parseNumber(text, STRENGTHS), value, text)
  }
  assert.equal(parseNumber('3', PARTS), 1)
  assert.equal(formatNumber(parseNumber('-0', STRENGTHS)), '0.00')
})

test('keys step without the dust of binary fractions, and stop at the ends', () => {
  assert.equal(afterKey('ArrowUp', 0.1, false, STRENGTHS), 0.15)
  assert.equal(afterKey('ArrowDown', 0.15, true, STRENGTHS), 0.14)
  assert.equal(afterKey('PageUp', 9.9, false, STRENGTHS), 10)
  assert.equal(afterKey('ArrowDown', 0, false, PARTS), 0)
  assert.equal(afterKey('ArrowLeft', 1, false, STRENGTHS), null)
})

test('a drag steps every few pixels from where it began', () => {
  assert.equal(dragged(1, 5, false, STRENGTHS), 1)
  assert.equal(dragged(1, 12, false, STRENGTHS), 1.1)
  assert.equal(dragged(1, -12, true, STRENGTHS), 0.98)
})

test('linked strengths change together, others alone', () => {
  const row = { ...newRow('a'), strength_clip: 0.5 }
  assert.deepEqual(withStrength(row, 'strength_clip', 2, true).strength_model, 2)
  const apart = withStrength(row, 'strength_model', 2, false)
  assert.deepEqual([apart.strength_model, apart.strength_clip], [2, 0.5])
})

test('weights are drawn as bars on a scale that has all of them', () => {
  assert.equal(sparkline([], 10, 10), '')
  assert.equal(sparkline([1, 0.5], 10, 10), 'M0 10V0H5V10ZM5 10V5H10V10Z')
  assert.equal(sparkline([0], 10, 10), 'M0 10V9.5H10V10Z')
  assert.equal(sparkline([-1, 1], 10, 10), 'M0 5V10H5V5ZM5 5V0H10V5Z')
})

test('a row belongs where its middle is let go of', () => {
  const middles = [10, 30, 50]
  assert.deepEqual([-5, 10, 35, 55].map((y) => dropIndex(middles, 0, y)), [0, 0, 1, 2])
  assert.deepEqual([5, 20, 55].map((y) => dropIndex(middles, 2, y)), [0, 1, 2])
})

test('facts have weights only where all slots have numbers', () => {
  const blocks = { slots: [{ value: 1 }, { value: 0.5 }], fits: true, trained_for: 'SDXL', error: null }
  assert.deepEqual(factsOf(blocks).weights, [1, 0.5])
  assert.equal(factsOf({ ...blocks, slots: [{ value: 1 }, { value: null }] }).weights, null)
  assert.equal(factsOf({ ...blocks, slots: [] }).weights, null)
  const wrong = factsOf({ ...blocks, error: { code: 'x', message: 'No slot IN99.' } })
  assert.deepEqual([wrong.weights, wrong.blocksError], [null, 'No slot IN99.'])
})

test('what keeps a row from acting is told; a row that is off may be for another model', () => {
  const facts = { weights: null, fits: true, trainedFor: null, blocksError: null }
  const row = newRow('a')
  const off = { ...row, on: false }
  const unfit = { ...facts, fits: false }
  for (const [given, expected] of [
    [[newRow(''), false, null], 'empty'],
    [[row, false, null], 'missing'],
    [[off, false, null], 'missing'],
    [[row, true, null], 'none'],
    [[row, true, facts], 'none'],
    [[row, true, unfit], 'unfit'],
    [[off, true, unfit], 'none'],
    [[row, true, { ...facts, blocksError: 'x' }], 'blocks'],
  ]) {
    assert.equal(problemOf(...given), expected)
  }
})

test('names are known whichever way folders are separated, also once the list has grown', () => {
  const names = ['style/wash.safetensors']
  const known = new KnownNames(names)
  assert.ok(known.has('style\\wash.safetensors'))
  assert.ok(!known.has('wash.safetensors'))
  names.push('new.safetensors')
  assert.ok(known.has('new.safetensors'))
  names.splice(0, 2, 'other.safetensors', 'third.safetensors')
  known.forget()
  assert.ok(!known.has('new.safetensors'))
})
