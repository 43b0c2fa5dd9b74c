/**
 * A picture of a graph: what is drawn where, from the saved graph alone, so that it is the same in
 * both renderers and whatever part of the graph is on the screen.
 */

/** @typedef {import('../types/comfy').SavedGraph} SavedGraph */
/** @typedef {[number, number]} Point */
/** @typedef {{x: number, y: number, width: number, height: number, title: string, color: string, body: string, rows: {text: string, y: number}[], slots: {x: number, y: number, color: string}[]}} Box */
/** @typedef {{from: Point, to: Point, color: string}} Wire */
/** @typedef {{x: number, y: number, width: number, height: number, title: string, color: string}} Frame */

const TITLE = 30
const SLOT = 20
const MARGIN = 40
const MAX_SIDE = 2048
const MAX_ROW = 60
const TEXT_WIDTH = 7
/** LiteGraph's modes. */
const NEVER = 2
const BYPASS = 4

const COLORS = new Map([
  ['MODEL', '#b39ddb'],
  ['CLIP', '#ffd500'],
  ['VAE', '#ff6e6e'],
  ['CONDITIONING', '#ffa931'],
  ['LATENT', '#ff9cf9'],
  ['IMAGE', '#64b5f6'],
  ['MASK', '#81c784'],
  ['LORA_STACK', '#7fd1b9'],
])
const OTHER = '#9aa'

/**
 * What to draw, in pixels of the picture at scale 1.
 *
 * @param {SavedGraph} graph
 */
export function graphShapes(graph) {
  const nodes = graph.nodes.map((node) => /** @type {any} */ (node)).filter((node) => node?.pos)
  const groups = listOf(graph.groups).filter((group) => Array.isArray(group.bounding))
  const edges = [
    ...nodes.map((node) => ({ ...place(node), top: place(node).y - TITLE })),
    ...groups.map(({ bounding: [x, y, width, height] }) => ({ x, y, width, height, top: y })),
  ]
  const left = Math.min(...edges.map((edge) => edge.x), Infinity)
  const top = Math.min(...edges.map((edge) => edge.top), Infinity)
  const right = Math.max(...edges.map((edge) => edge.x + edge.width), -Infinity)
  const bottom = Math.max(...edges.map((edge) => edge.y + edge.height), -Infinity)
  const empty = edges.length === 0
  const dx = empty ? 0 : MARGIN - left
  const dy = empty ? 0 : MARGIN - top
  const byId = new Map(nodes.map((node) => [String(node.id), node]))
  return {
    width: empty ? 512 : right - left + 2 * MARGIN,
    height: empty ? 512 : bottom - top + 2 * MARGIN,
    frames: groups.map((group) => frameOf(group, dx, dy)),
    boxes: nodes.map((node) => boxOf(node, dx, dy)),
    wires: listOf(graph.links).flatMap((link) => wireOf(link, byId, dx, dy)),
  }
}

/**
 * Draws a graph onto a canvas of the size that it needs, at most 2048 pixels on a side.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {SavedGraph} graph
 */
export function drawGraph(canvas, graph) {
  const shapes = graphShapes(graph)
  const scale = Math.min(1.5, MAX_SIDE / Math.max(shapes.width, shapes.height))
  canvas.width = Math.ceil(shapes.width * scale)
  canvas.height = Math.ceil(shapes.height * scale)
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'))
  context.fillStyle = '#1f1f1f'
  context.fillRect(0, 0, canvas.width, canvas.height)
  context.scale(scale, scale)
  for (const frame of shapes.frames) drawFrame(context, frame)
  for (const wire of shapes.wires) drawWire(context, wire)
  for (const box of shapes.boxes) drawBox(context, box)
}

/** @param {any} node */
function place(node) {
  const [x, y] = pair(node.pos)
  const [width, height] = pair(node.size)
  const closed = node.flags?.collapsed === true
  return { x, y, width: closed ? Math.min(width, 160) : width, height: closed ? 0 : height }
}

/**
 * @param {any} node
 * @param {number} dx
 * @param {number} dy
 * @returns {Box}
 */
function boxOf(node, dx, dy) {
  const { x, y, width, height } = place(node)
  const off = node.mode === NEVER || node.mode === BYPASS
  const sockets = (/** @type {any} */ slots) => listOf(slots).filter((slot) => !slot.widget)
  const inputs = sockets(node.inputs)
  const outputs = listOf(node.outputs)
  const lines = height === 0 ? 0 : Math.max(inputs.length, outputs.length)
  const room = Math.max(0, Math.floor((height - lines * SLOT) / SLOT))
  const fit = Math.min(MAX_ROW, Math.floor((width - 20) / TEXT_WIDTH))
  return {
    x: x + dx,
    y: y + dy,
    width,
    height,
    title: shortened(String(node.title ?? node.type ?? ''), fit),
    color: off ? '#555' : textOf(node.color, '#333'),
    body: off ? '#3d3346' : textOf(node.bgcolor, '#353535'),
    rows: widgetTexts(node.widgets_values)
      .slice(0, height === 0 ? 0 : room)
      .map((text, index) => ({ text: shortened(text, fit), y: y + dy + (lines + index + 0.7) * SLOT })),
    slots: [
      ...inputs.map((slot, index) => socket(x + dx, y + dy, index, slot, height)),
      ...outputs.map((slot, index) => socket(x + dx + width, y + dy, index, slot, height)),
    ],
  }
}

/**
 * @param {number} x
 * @param {number} y
 * @param {number} index
 * @param {any} slot
 * @param {number} height
 */
function socket(x, y, index, slot, height) {
  return { x, y: slotY(y, index, height), color: colorOf(slot?.type) }
}

/**
 * @param {number} y
 * @param {number} index
 * @param {number} height 0 for a node that is closed
 */
function slotY(y, index, height) {
  return height === 0 ? y - TITLE / 2 : y + (index + 0.7) * SLOT
}

/**
 * @param {any} link saved as a list by schema 0.4, as an object by schema 1
 * @param {Map<string, any>} nodes
 * @param {number} dx
 * @param {number} dy
 * @returns {Wire[]}
 */
function wireOf(link, nodes, dx, dy) {
  const [, from, fromSlot, to, toSlot, type] = Array.isArray(link)
    ? link
    : [0, link.origin_id, link.origin_slot, link.target_id, link.target_slot, link.type]
  const [source, target] = [nodes.get(String(from)), nodes.get(String(to))]
  if (!source || !target) return []
  const [a, b] = [place(source), place(target)]
  const sockets = listOf(target.inputs)
  // Inputs that are widgets have no place among the sockets.
  const slot = sockets.slice(0, toSlot).filter((input) => !input.widget).length
  return [
    {
      from: [a.x + dx + a.width, slotY(a.y + dy, fromSlot, a.height)],
      to: [b.x + dx, slotY(b.y + dy, slot, b.height)],
      color: colorOf(type),
    },
  ]
}

/**
 * @param {any} group
 * @param {number} dx
 * @param {number} dy
 * @returns {Frame}
 */
function frameOf(group, dx, dy) {
  const [x, y, width, height] = group.bounding
  const title = String(group.title ?? '')
  return { x: x + dx, y: y + dy, width, height, title, color: textOf(group.color, '#3f789e') }
}

/** @param {unknown} values */
function widgetTexts(values) {
  const all = Array.isArray(values) ? values : Object.values(values ?? {})
  return all
    .filter((value) => ['string', 'number', 'boolean'].includes(typeof value) && value !== '')
    .map((value) => String(value).replace(/\s+/g, ' '))
}

/**
 * @param {string} text
 * @param {number} most
 */
function shortened(text, most) {
  return text.length <= most ? text : `${text.slice(0, Math.max(1, most - 1))}…`
}

/** @param {unknown} type */
function colorOf(type) {
  return COLORS.get(String(type)) ?? OTHER
}

/**
 * @param {unknown} value
 * @param {string} other
 */
function textOf(value, other) {
  return typeof value === 'string' ? value : other
}

/**
 * @param {unknown} value
 * @returns {any[]}
 */
function listOf(value) {
  return Array.isArray(value) ? value : []
}

/**
 * A position or a size, which old graphs save as an object.
 *
 * @param {any} value
 * @returns {Point}
 */
function pair(value) {
  return [Number(value?.[0] ?? 0) || 0, Number(value?.[1] ?? 0) || 0]
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Frame} frame
 */
function drawFrame(context, frame) {
  context.globalAlpha = 0.25
  context.fillStyle = frame.color
  context.fillRect(frame.x, frame.y, frame.width, frame.height)
  context.globalAlpha = 1
  context.font = '20px system-ui, sans-serif'
  context.fillText(frame.title, frame.x + 8, frame.y + 24, frame.width - 16)
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Wire} wire
 */
function drawWire(context, { from, to, color }) {
  const bend = Math.max(30, Math.abs(to[0] - from[0]) / 2)
  context.strokeStyle = color
  context.lineWidth = 3
  context.beginPath()
  context.moveTo(...from)
  context.bezierCurveTo(from[0] + bend, from[1], to[0] - bend, to[1], ...to)
  context.stroke()
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Box} box
 */
function drawBox(context, box) {
  context.fillStyle = box.body
  context.beginPath()
  context.roundRect(box.x, box.y - TITLE, box.width, box.height + TITLE, 8)
  context.fill()
  context.fillStyle = box.color
  context.beginPath()
  context.roundRect(box.x, box.y - TITLE, box.width, TITLE, box.height ? [8, 8, 0, 0] : 8)
  context.fill()
  context.fillStyle = '#ddd'
  context.font = '14px system-ui, sans-serif'
  context.fillText(box.title, box.x + 10, box.y - 10, box.width - 20)
  context.fillStyle = '#aaa'
  context.font = '12px system-ui, sans-serif'
  for (const row of box.rows) context.fillText(row.text, box.x + 14, row.y + 4, box.width - 28)
  for (const slot of box.slots) {
    context.fillStyle = slot.color
    context.beginPath()
    context.arc(slot.x, slot.y, 5, 0, 2 * Math.PI)
    context.fill()
  }
}
