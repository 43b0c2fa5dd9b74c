import assert from 'node:assert/strict'
import { test } from 'node:test'

import {
  convertedSummary,
  convertibleAmong,
  nodeLabel,
  offerDetail,
  offerTitle,
  remarks,
} from '../../web/lib/convert_view.js'

const POWER = 'Power Lora Loader (rgthree)'
const inner = { id: 'in:ner', name: 'Deep', nodes: [] }
const graph = {
  nodes: [],
  definitions: { subgraphs: [{ id: 'a-b', name: 'Style', nodes: [], definitions: { subgraphs: [inner] } }] },
}
const converted = { node: '3', from: POWER, to: 'SatchelLoraStack', rows: 1, added: [], notes: [] }

test('convertible nodes are counted, their types listed once', () => {
  const missing = [{ type: POWER }, { type: 'Other' }, POWER, { type: 'LoRA Stacker', nodeId: '5' }]

  assert.deepEqual(convertibleAmong(missing, new Set([POWER, 'LoRA Stacker'])), {
    count: 3,
    types: [POWER, 'LoRA Stacker'],
  })
  assert.deepEqual(convertibleAmong(missing, new Set()), { count: 0, types: [] })
})

test('an offer speaks of one node or of several', () => {
  assert.match(offerTitle(1), /^A LoRA node whose pack is/)
  assert.match(offerTitle(3), /3 LoRA nodes whose packs are/)
  assert.match(offerDetail([POWER]), /^Power Lora Loader \(rgthree\) can become a LoRA Stack,/)
  assert.match(offerDetail([POWER, 'LoRA Stacker']), /, LoRA Stacker can become LoRA Stacks,/)
  assert.equal(convertedSummary({ graph, converted: [converted], kept: [] }), '1 node converted')
})

test('a node inside a subgraph is named with it', () => {
  assert.equal(nodeLabel('12', graph), 'node 12')
  assert.equal(nodeLabel('a-b:12', graph), 'node 12 in "Style"')
  assert.equal(nodeLabel('in:ner:7', graph), 'node 7 in "Deep"')
  assert.equal(nodeLabel('gone:7', graph), 'node 7 in a subgraph')
})

test('only nodes with something to say are remarked on', () => {
  const kept = [{ node: '9', type: 'CR Random LoRA Stack', reason: 'It draws.' }]
  const changed = { ...converted, node: 'a-b:4', notes: ['One.', 'Two.'] }

  assert.deepEqual(remarks({ graph, converted: [converted, changed], kept }), {
    changed: [{ node: `${POWER}, node 4 in "Style"`, lines: ['One.', 'Two.'] }],
    kept: [{ node: 'CR Random LoRA Stack, node 9', lines: ['It draws.'] }],
  })
  assert.deepEqual(remarks({ graph, converted: [converted], kept: [] }), { changed: [], kept: [] })
})
