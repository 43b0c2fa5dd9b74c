import assert from 'node:assert/strict'
import { test } from 'node:test'

import { graphShapes } from '../../web/lib/graph_picture.js'

const node = (id, more = {}) => ({
  id,
  type: 'LoraLoader',
  pos: [100 * id, 200],
  size: [200, 100],
  inputs: [],
  outputs: [],
  widgets_values: [],
  ...more,
})

test('everything lies inside of the picture, titles too', () => {
  const shapes = graphShapes({
    nodes: [node(1), node(3, { pos: [-50, 10] })],
    groups: [{ bounding: [-80, -60, 700, 500], title: 'All' }],
  })

  for (const { x, y, width, height } of [...shapes.boxes, ...shapes.frames]) {
    assert.ok(x >= 0 && y >= 0 && x + width <= shapes.width && y + height <= shapes.height)
  }
  assert.equal(shapes.frames[0].title, 'All')
  assert.equal(shapes.frames[0].x, 40)
})

test('links are drawn in both forms in which they are saved, between their sockets', () => {
  const from = node(1, { outputs: [{ type: 'CLIP' }, { type: 'MODEL' }] })
  const to = node(5, { inputs: [{ name: 'w', widget: { name: 'w' } }, { name: 'model', type: 'MODEL' }] })
  const list = { nodes: [from, to], links: [[9, 1, 1, 5, 1, 'MODEL']] }
  const object = {
    nodes: [from, to],
    links: [{ id: 9, origin_id: 1, origin_slot: 1, target_id: 5, target_slot: 1, type: 'MODEL' }],
  }

  const [wire] = graphShapes(list).wires
  const [source, target] = graphShapes(list).boxes

  assert.deepEqual(graphShapes(object).wires, [wire])
  assert.deepEqual(wire.from, [source.slots[1].x, source.slots[1].y])
  assert.deepEqual(wire.to, [target.slots[0].x, target.slots[0].y])
  assert.equal(wire.color, '#b39ddb')
})

test('a link to a node that is not there is left out', () => {
  assert.deepEqual(graphShapes({ nodes: [node(1)], links: [[1, 1, 0, 2, 0, 'MODEL']] }).wires, [])
})

test('values are shown as far as the node has room, cut to its width', () => {
  const values = ['first', 'x'.repeat(500), 3, { hidden: true }, 'last']
  const open = graphShapes({ nodes: [node(1, { widgets_values: values, size: [200, 60] })] }).boxes[0]
  const closed = graphShapes({ nodes: [node(1, { widgets_values: values, flags: { collapsed: true } })] })

  assert.deepEqual(open.rows.map((row) => row.text.length), [5, 25, 1])
  assert.deepEqual(closed.boxes[0].rows, [])
})

test('an empty or odd graph has a picture, too', () => {
  assert.deepEqual(graphShapes({ nodes: [] }).boxes, [])
  assert.ok(graphShapes({ nodes: [] }).width > 0)
  const odd = graphShapes({ nodes: [{ id: 1, type: null, pos: { 0: 1, 1: 2 }, widgets_values: { a: 'b' } }] })
  assert.equal(odd.boxes.length, 1)
})
