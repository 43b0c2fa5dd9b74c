import assert from 'node:assert/strict'
import { test } from 'node:test'

import {
  SCALES, afterKey, groupsOf, inverted, range, scaleFor, shareOf, snapped, stroke, textBefore, valueAt,
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

test('without a loader, at a subgraph and in a loop there is no connected model', () => {
  const [alone] = graphOf({ id: 1, inputs: [{ type: 'MODEL', link: null }] })
  const [inside] = graphOf({ id: 1, inputs: [{ type: 'MODEL', link: -10 }] })
  const [loop] = graphOf({ id: 1, inputs: [{ type: 'MODEL', link: 1 }] })
  assert.deepEqual([alone, inside, loop].map(connectedModel), [null, null, null])
})
