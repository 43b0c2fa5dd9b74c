import assert from 'node:assert/strict'
import { test } from 'node:test'

import { safeName } from '../../web/lib/documents.js'
import { newRow } from '../../web/lib/rows.js'
import { rowsHere, savedRows, summary } from '../../web/lib/stack_presets.js'

test('rows without a file are not saved', () => {
  const rows = ['ink.safetensors', '', 'None', 'wash.pt'].map(newRow)
  assert.deepEqual(savedRows(rows).map(({ lora }) => lora), ['ink.safetensors', 'wash.pt'])
})

test('rows get the names that the host has, and keep those of files that are missing', () => {
  const rows = ['style/ink.safetensors', 'gone/ghost.safetensors'].map(newRow)
  assert.deepEqual(rowsHere(rows, ['style\\ink.safetensors']), [
    newRow('style\\ink.safetensors'), newRow('gone/ghost.safetensors'),
  ])
})

test('a preset is summed up by its files', () => {
  const preset = { name: 'x', saved_at: 0, rows: ['a/ink v1.0.safetensors', 'wash.pt'].map(newRow) }
  assert.equal(summary(preset), 'ink v1.0, wash')
})

test('a name becomes one that every system takes', () => {
  assert.equal(safeName(' a/b:c? '), 'a_b_c_')
})
