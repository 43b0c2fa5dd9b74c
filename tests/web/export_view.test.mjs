import assert from 'node:assert/strict'
import { test } from 'node:test'

import {
  exportRows,
  exportSummary,
  exportedDocument,
  modelBytes,
  packNames,
  savedNames,
} from '../../web/lib/export_view.js'

const INK = {
  name: 'ink.safetensors',
  directory: 'loras',
  sha256: 'ab'.repeat(32),
  size: 2_000_000,
  licence: 'openrail',
  sources: [
    { kind: 'civitai', url: 'https://civitai.com/api/download/models/1' },
    { kind: 'civitai', url: 'https://civitai.com/api/download/models/2' },
    { kind: 'huggingface', url: 'https://huggingface.co/a/b/resolve/main/x' },
    { kind: 'https', url: 'no url' },
  ],
}
const MINE = { name: 'mine.safetensors', directory: 'checkpoints' }

function result(models, unresolved = [], more = {}) {
  return { graph: { nodes: [] }, prompt: null, lock: { models, ...more }, unresolved, removed: [] }
}

test('a row says what is known of a model, and what is unresolved comes first', () => {
  const rows = exportRows(result([INK, MINE], [{ ...MINE, reason: 'It is not here.' }]))

  assert.deepEqual(rows, [
    {
      name: 'mine.safetensors',
      kind: 'Checkpoint',
      digest: 'Not hashed: it is not here',
      source: '',
      licence: '',
      size: '',
      unresolved: true,
    },
    {
      name: 'ink.safetensors',
      kind: 'LoRA',
      digest: 'SHA256 abababababab',
      source: 'civitai.com, huggingface.co',
      licence: 'openrail',
      size: '2.0 MB',
      unresolved: false,
    },
  ])
})

test('the summary counts what is carried and what is not', () => {
  const lost = [{ ...MINE, reason: '' }]
  const table = [
    [result([]), 'This workflow names no models.'],
    [result([INK]), 'It will carry the identity of 1 model, so that others get the very same file.'],
    [result([MINE], lost), '1 model is unresolved.'],
    [
      result([INK, MINE], lost),
      'It will carry the identity of 1 model, so that others get the very same file. 1 model is unresolved.',
    ],
  ]
  for (const [value, text] of table) assert.equal(exportSummary(value), text)
})

test('node packs are named by what identifies them', () => {
  const packs = [
    { cnr_id: 'rgthree-comfy', version: '1.0.2' },
    { aux_id: 'owner/name' },
    { node_types: ['A', 'B'] },
  ]

  assert.deepEqual(packNames(result([], [], { node_packs: packs })), [
    'rgthree-comfy 1.0.2',
    'owner/name',
    'A, B',
  ])
  assert.deepEqual(packNames(result([])), [])
})

test('a graph is exported in both forms if it can be queued', () => {
  const workflow = { nodes: [] }
  const output = { 1: { class_type: 'KSampler' } }

  assert.deepEqual(exportedDocument({ workflow, output }), {
    json: { prompt: output, extra_data: { extra_pnginfo: { workflow } } },
  })
  for (const broken of [{}, { 1: {} }, { 1: { class_type: null } }, undefined]) {
    assert.deepEqual(exportedDocument({ workflow, output: broken }), { json: workflow })
  }
})

test('each format has its file names', () => {
  assert.deepEqual(savedNames('flow', 'json'), ['flow.portable.json'])
  assert.deepEqual(savedNames('flow', 'zip'), ['flow.portable.zip'])
  assert.deepEqual(savedNames('flow', 'api'), ['flow.api.json', 'flow.api.lock.json'])
  assert.equal(modelBytes(result([INK, MINE])), 2_000_000)
})
