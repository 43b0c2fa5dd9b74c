import assert from 'node:assert/strict'
import { test } from 'node:test'

import {
  SCALES, afterKey, curve, groupsOf, inverted, range, scaleFor, shareOf, shares, snapped, stroke, textBefore, valueAt,
  valueText,
} from '../../web/lib/block_values.js'
import { connectedModel } from '../../web/lib/connected_model.js'
import { groupTitle, say } from '../../web/lib/strings.js'

const slot = (name, group, modules = null, filtered = false) => ({ name, group, modules, filtered, value: 1 })

test('weights are whole steps within what the server takes, and zero has no sign', () => {
  assert.equal(snapped(0.1 + 0.05), 0.15)
  assert.equal(snapped(0.524), 0.5)
  assert.equal(snapped(99), 10)
  assert.equal(snapped(-99), -10)
  assert.ok(Object.is(snapped(-0.01), 0))
})

test('a scale grows to hold every value, and never below the one wanted', () => {
  assert.deepEqual(SCALES[scaleFor([0, 1], 0)], [0, 1])
  assert.deepEqual(SCALES[scaleFor([0, 1.5], 0)], [0, 2])
  assert.deepEqual(SCALES[scaleFor([-0.5, 1], 0)], [-1, 1])
  assert.deepEqual(SCALES[scaleFor([-3], 1)], [-10, 10])
  assert.deepEqual(SCALES[scaleFor([0.5], 3)], [-2, 2])
})

test('a place on a scale and its value belong together', () => {
  for (const scale of SCALES.keys()) {
    for (const share of [0, 0.25, 0.5, 1]) {
      assert.ok(Math.abs(shareOf(valueAt(share, scale), scale) - share) < 0.02)
    }
  }
  assert.equal(valueAt(7, 0), 1)
  assert.equal(valueAt(-7, 0), 0)
})

test('a fast stroke leaves no slot out, in either direction', () => {
  assert.deepEqual(stroke({ index: 1, value: 0 }, { index: 4, value: 0.6 }), [
    { index: 2, value: 0.2 }, { index: 3, value: 0.4 }, { index: 4, value: 0.6 },
  ])
  assert.deepEqual(
    stroke({ index: 2, value: 1 }, { index: 0, value: 0 }).map(({ index }) => index), [1, 0],
  )
  assert.deepEqual(stroke({ index: 2, value: 1 }, { index: 2, value: 0 }), [{ index: 2, value: 0 }])
  assert.deepEqual(range(5, 3), [3, 4, 5])
})

test('keys change a weight in small and big steps, to 0 and to 1; others do nothing', () => {
  const keys = ['ArrowUp', 'ArrowDown', 'PageUp', 'PageDown', 'Home', 'End', 'a', 'Tab', 'ArrowLeft']
  assert.deepEqual(
    keys.map((key) => afterKey(key, 0.5)), [0.55, 0.45, 0.75, 0.25, 0, 1, null, null, null],
  )
  assert.deepEqual(inverted([1, 0, 0.3, 2]), [0, 1, 0.7, -1])
})

test('neighbours of one group stand together under its name', () => {
  const slots = [slot('BASE', 'text'), slot('IN00', 'down'), slot('IN01', 'down'), slot('X.1', 'X')]
  assert.deepEqual(groupsOf(slots), [
    { group: 'text', title: 'Text', first: 0, count: 1 },
    { group: 'down', title: 'Input blocks', first: 1, count: 2 },
    { group: 'X', title: 'X', first: 3, count: 1 },
  ])
  assert.equal(groupTitle('title'), 'title')
})

test('a screen reader hears the weight and whether the LoRA has the slot', () => {
  assert.equal(valueText(slot('IN04', 'down', 24), 0.3333333), '0.333, 24 modules in this LoRA')
  assert.equal(valueText(slot('IN04', 'down', 1), 1), '1, 1 module in this LoRA')
  assert.equal(valueText(slot('IN04', 'down', 0), 1), '1, not in this LoRA')
  assert.equal(valueText(slot('IN04', 'down', null), 0), '0')
  assert.equal(valueText(slot('IN04', 'down', 3, true), 0), '0, parts of it differ')
})

test('what a sentence has no value for stays as it is, and values are not read as patterns', () => {
  assert.equal(say('blocks.titleOf', { name: '$& {value}' }), 'Block weights of $& {value}')
  assert.equal(say('blocks.titleOf'), 'Block weights of {name}')
})

test('preset and groups of the Block Weights node become text, those at 1 left out', () => {
  assert.equal(textBefore('EARLY', { early: 0.5, mid: 1, text: 0 }), 'EARLY, early=0.5, text?=0')
  assert.equal(textBefore('', { early: 1 }), '')
})

function graphOf(...nodes) {
  const graph = {
    id: 'root',
    nodes,
    getNodeById: (id) => nodes.find((node) => node.id === id),
    getLink: (id) => ({ id, origin_id: id }),
  }
  for (const node of nodes) node.graph = graph
  return nodes
}

test('the connected model is that of the loader at the end of the links', () => {
  const [stack] = graphOf(
    { id: 1, inputs: [{ type: 'CLIP', link: 9 }, { type: 'MODEL', link: 2 }], widgets: [] },
    { id: 2, inputs: [{ type: '*', link: 3 }] },
    { id: 3, inputs: [], widgets: [{ name: 'ckpt_name', value: 'a.safetensors' }] },
  )
  assert.deepEqual(connectedModel(stack), { directory: 'checkpoints', name: 'a.safetensors' })
})

test('without a loader, at a subgraph that nobody uses and in a loop there is no connected model', () => {
  const [alone] = graphOf({ id: 1, inputs: [{ type: 'MODEL', link: null }] })
  const [inside] = graphOf({ id: 1, inputs: [{ type: 'MODEL', link: -10 }] })
  const [loop] = graphOf({ id: 1, inputs: [{ type: 'MODEL', link: 1 }] })
  assert.deepEqual([alone, inside, loop].map(connectedModel), [null, null, null])
})

test('a curve has both its ends, and a cosine is slow at both', () => {
  assert.deepEqual(curve('linear', 0, 1, 5), [0, 0.25, 0.5, 0.75, 1])
  assert.deepEqual(curve('cosine', 0, 1, 5), [0, 0.15, 0.5, 0.85, 1])
  assert.deepEqual(curve('linear', 1, -1, 3), [1, 0, -1])
  assert.deepEqual(curve('cosine', 0.3, 0.3, 2), [0.3, 0.3])
})

test('the strongest slot of a LoRA is 1, and a LoRA that does nothing has none', () => {
  assert.deepEqual(shares({ IN04: 2, M00: 0.5 }), { IN04: 1, M00: 0.25 })
  assert.deepEqual(shares({ IN04: 0 }), {})
  assert.deepEqual(shares({}), {})
})

test('what is said of a slot ends with its strength, where that is known', () => {
  assert.equal(valueText(slot('IN04', 'down', 2), 0.5), '0.5, 2 modules in this LoRA')
  assert.match(valueText(slot('IN04', 'down', 2), 0.5, 0.256), /^0.5, 2 modules in this LoRA; .* 26 percent/)
})

/** A graph of plain nodes and links, as much of the host's as is looked at. */
function plainGraph(id, nodes, links, outputs = []) {
  const graph = {
    id,
    outputs,
    getLink: (link) => links[link],
    getNodeById: (node) => nodes.find((one) => one.id === node) ?? null,
    nodes,
  }
  for (const node of nodes) node.graph = graph
  return graph
}

const modelInput = (link) => ({ name: 'model', type: 'MODEL', link })
const loader = (id) => ({
  id, inputs: [], widgets: [{ name: 'ckpt_name', value: `${id}.safetensors` }],
})

test('the connected model is found into a subgraph, through it, and out of it', () => {
  const inner = { id: 9, inputs: [modelInput(1)] }
  const plain = { id: 8, inputs: [modelInput(2)] }
  const inside = plainGraph(
    'sub',
    [inner, plain, loader('within')],
    {
      1: { origin_id: -10, origin_slot: 1 },
      2: { origin_id: 'within', origin_slot: 0 },
    },
    [{ linkIds: [2] }, { linkIds: [1] }],
  )
  const user = { id: 5, subgraph: inside, inputs: [{ name: 'x', type: 'CLIP', link: null }, modelInput(3)] }
  const takesLoader = { id: 6, inputs: [modelInput(4)] }
  const takesThrough = { id: 7, inputs: [modelInput(5)] }
  const root = plainGraph('root', [user, takesLoader, takesThrough, loader('outside')], {
    3: { origin_id: 'outside', origin_slot: 0 },
    4: { origin_id: 5, origin_slot: 0 },
    5: { origin_id: 5, origin_slot: 1 },
  })
  inside.rootGraph = root
  root.rootGraph = root
  root.subgraphs = new Map([['sub', inside]])
  const name = (node) => connectedModel(node)?.name ?? null

  assert.equal(name(inner), 'outside.safetensors')
  assert.equal(name(plain), 'within.safetensors')
  assert.equal(name(takesLoader), 'within.safetensors')
  assert.equal(name(takesThrough), 'outside.safetensors')
  root.nodes.shift()
  assert.equal(name(inner), null)
})

test('links in a circle end', () => {
  const one = { id: 1, inputs: [modelInput(1)] }
  const inside = plainGraph('sub', [], { 1: { origin_id: -10, origin_slot: 0 } }, [{ linkIds: [1] }])
  const user = { id: 2, subgraph: inside, inputs: [modelInput(1)] }
  const root = plainGraph('root', [one, user], { 1: { origin_id: 2, origin_slot: 0 } })
  inside.rootGraph = root
  root.subgraphs = new Map([['sub', inside]])

  assert.equal(connectedModel(one), null)
})
