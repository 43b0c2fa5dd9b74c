import assert from 'node:assert/strict'
import { test } from 'node:test'

import { carriedLock, isBundle, takeOverNames, workflowStem } from '../../web/lib/documents.js'

test('only an object under extra.satchel is a lock', () => {
  const lock = { version: 1, models: [] }
  assert.equal(carriedLock({ nodes: [], extra: { satchel: lock } }), lock)
  for (const graph of [{ nodes: [] }, { nodes: [], extra: {} }, { nodes: [], extra: { satchel: null } }, { nodes: [], extra: { satchel: 'x' } }]) {
    assert.equal(carriedLock(graph), null)
  }
})

function graph(value, inner) {
  return {
    nodes: [
      { id: 1, type: 'A', widgets_values: [value], properties: { models: [{ name: value }] } },
      { id: 2, type: 'B', widgets_values: ['kept'] },
    ],
    extra: { satchel: { version: 1, models: [{ name: value }] }, other: value },
    definitions: { subgraphs: [{ id: 's', nodes: [{ id: 1, type: 'C', widgets_values: [inner] }] }] },
  }
}

test('names are taken over in the graph and in its subgraphs, and nothing else is', () => {
  const open = graph('old', 'old inner')
  open.nodes[1].type = 'replaced meanwhile'
  open.nodes.push({ id: 9, type: 'D', widgets_values: ['added meanwhile'] })
  const rewritten = graph('new', 'new inner')
  rewritten.nodes[1].widgets_values = ['changed']

  takeOverNames(rewritten, open)

  assert.deepEqual(open.nodes[0].widgets_values, ['new'])
  assert.deepEqual(open.nodes[0].properties.models, [{ name: 'new' }])
  assert.deepEqual(open.nodes[1].widgets_values, ['kept'])
  assert.deepEqual(open.nodes[2].widgets_values, ['added meanwhile'])
  assert.deepEqual(open.definitions.subgraphs[0].nodes[0].widgets_values, ['new inner'])
  assert.equal(open.extra.satchel.models[0].name, 'new')
  assert.equal(open.extra.other, 'old')
})

test('exported files are named after the workflow', () => {
  const table = [
    ['harbour', 'harbour'],
    ['sub/harbour.json', 'harbour'],
    ['harbour.portable.json', 'harbour'],
    ['what? <b>', 'what_ _b_'],
    ['', 'workflow'],
    [undefined, 'workflow'],
  ]
  for (const [name, file] of table) assert.equal(workflowStem(name), file)
})

test('a bundle is told by its name or its type', () => {
  const table = [
    [{ name: 'flow.zip', type: '' }, true],
    [{ name: 'FLOW.ZIP', type: 'application/octet-stream' }, true],
    [{ name: 'flow', type: 'application/x-zip-compressed' }, true],
    [{ name: 'flow.zip.json', type: 'application/json' }, false],
    [{ name: 'zip', type: 'image/png' }, false],
  ]
  for (const [file, told] of table) assert.equal(isBundle(file), told)
})
