/**
 * The rows of one LoRA Stack node on the canvas.
 *
 * Each row is five of the host's own widgets with an input socket each, exactly as the host makes
 * them from a declared input. So its missing-model scan, subgraph promotion, copy and paste, undo,
 * API export and both renderers treat a row like any other widget.
 */

import { FIELDS, inputName, newRow, parseInputName } from '../lib/rows.js'

/** @typedef {import('../types/comfy').Node} Node */
/** @typedef {import('../types/comfy').Widget} Widget */
/** @typedef {import('../lib/rows.js').Row} Row */
/** @typedef {import('../lib/rows.js').Field} Field */

const STRENGTH = { min: -10, max: 10, step: 0.5, step2: 0.05, precision: 2, round: 0.01 }

/** @type {Record<Field, {type: string, socket: string, label: string, tooltip: string}>} */
const WIDGETS = {
  on: {
    type: 'toggle',
    socket: 'BOOLEAN',
    label: 'LoRA',
    tooltip: 'Off: this row is skipped and its file is not needed.',
  },
  lora: { type: 'combo', socket: 'COMBO', label: 'file', tooltip: 'A file below models/loras.' },
  strength_model: {
    type: 'number',
    socket: 'FLOAT',
    label: 'model strength',
    tooltip: 'How strongly this LoRA changes the diffusion model.',
  },
  strength_clip: {
    type: 'number',
    socket: 'FLOAT',
    label: 'clip strength',
    tooltip: 'How strongly this LoRA changes the text encoder.',
  },
  blocks: {
    type: 'text',
    socket: 'STRING',
    label: 'block weights',
    tooltip:
      'A weight per block of the model, such as IN04-08=0.5, M00=1, *=0. ' +
      'Empty: every block at full weight.',
  },
}

/** @param {Node} node */
export function rowCount(node) {
  const numbers = (node.widgets ?? []).map((widget) => parseInputName(widget.name)?.number ?? 0)
  return Math.max(0, ...numbers)
}

/**
 * @param {Node} node
 * @returns {Row[]}
 */
export function readRows(node) {
  return Array.from({ length: rowCount(node) }, (_, index) => readRow(node, index + 1))
}

/**
 * Makes the node have exactly this many rows, adding empty ones or taking the last ones away. The
 * node keeps its width and any height that the user gave it beyond its content.
 *
 * @param {Node} node
 * @param {number} count
 * @param {string[]} names the shared list of LoRA files
 */
export function setRowCount(node, count, names) {
  // Before adding widgets, which makes the host grow the node by itself.
  const spare = Math.max(0, node.size[1] - node.computeSize()[1])
  for (let number = rowCount(node) + 1; number <= count; number += 1) addRow(node, number, names)
  for (let number = rowCount(node); number > count; number -= 1) removeRow(node, number)
  const [width, needed] = node.computeSize()
  node.setSize([Math.max(node.size[0], width), needed + spare])
  node.setDirtyCanvas(true, true)
}

/**
 * @param {Node} node
 * @param {Row} row
 * @param {string[]} names
 */
export function appendRow(node, row, names) {
  const number = rowCount(node) + 1
  setRowCount(node, number, names)
  writeRow(node, number, row)
}

/**
 * Puts the rows in another order; rows that `order` leaves out go away. Links into row inputs move
 * with their rows.
 *
 * @param {Node} node
 * @param {number[]} order for each new row, the index of the old one
 * @param {string[]} names
 */
export function rearrangeRows(node, order, names) {
  const rows = readRows(node)
  rows.forEach((_, index) => {
    if (!order.includes(index)) disconnectRow(node, index + 1)
  })
  const links = rows.map((_, index) => rowLinks(node, index + 1))
  order.forEach((old, index) => {
    writeRow(node, index + 1, rows[old] ?? newRow(''))
    writeLinks(node, index + 1, links[old] ?? {})
  })
  // What was moved away must not be cut when its old row goes.
  for (let index = order.length; index < rows.length; index += 1) writeLinks(node, index + 1, {})
  setRowCount(node, order.length, names)
}

/**
 * @param {Node} node
 * @param {number} number
 * @returns {Row}
 */
function readRow(node, number) {
  const values = FIELDS.map((field) => [field, findWidget(node, field, number)?.value])
  return Object.fromEntries(values)
}

/**
 * @param {Node} node
 * @param {number} number
 * @param {Row} row
 */
export function writeRow(node, number, row) {
  for (const field of FIELDS) {
    const widget = findWidget(node, field, number)
    if (widget) widget.value = row[field]
  }
}

/**
 * @param {Node} node
 * @param {Field} field
 * @param {number} number
 */
function findWidget(node, field, number) {
  const name = inputName(field, number)
  return node.widgets?.find((widget) => widget.name === name)
}

/**
 * Adds a row above the buttons, which must stay last: the host saves widget values by position.
 *
 * @param {Node} node
 * @param {number} number
 * @param {string[]} names
 */
function addRow(node, number, names) {
  const widgets = (node.widgets ??= [])
  const buttons = widgets.findIndex((widget) => widget.type === 'button')
  const first = widgets.length
  const row = newRow('')
  for (const field of FIELDS) addCell(node, field, number, row[field], names)
  if (buttons >= 0) node.widgets.splice(buttons, 0, ...node.widgets.splice(first))
}

/**
 * @param {Node} node
 * @param {Field} field
 * @param {number} number
 * @param {Row[Field]} value
 * @param {string[]} names
 */
function addCell(node, field, number, value, names) {
  const { type, socket, label, tooltip } = WIDGETS[field]
  const name = inputName(field, number)
  const isStrength = socket === 'FLOAT'
  const options = isStrength ? STRENGTH : field === 'lora' ? { values: names } : {}
  const widget = node.addWidget(type, name, value, isStrength ? roundStrength : () => {}, {
    ...options,
  })
  // The host remembers the value of a widget of this name that was removed before.
  widget.value = value
  widget.label = field === 'on' ? `${label} ${number}` : label
  widget.tooltip = tooltip
  const input = node.addInput(name, socket, { widget: { name } })
  const spec = field === 'lora' ? [names, {}] : [socket, { ...options, default: value }]
  // Only so that a Primitive node can be connected; there is no other way to say a socket's spec.
  globalThis.window?.comfyAPI?.widgetInputs?.setWidgetConfig?.(input, spec)
}

/**
 * @this {Widget}
 * @param {number} value
 */
function roundStrength(value) {
  // Steps of 0.05 add up to 0.15000000000000002.
  this.value = Math.round(value * 100) / 100
}

/**
 * @param {Node} node
 * @param {number} number
 */
function removeRow(node, number) {
  for (const field of FIELDS) {
    const slot = findSlot(node, field, number)
    if (slot >= 0) node.removeInput(slot)
    const widget = findWidget(node, field, number)
    if (widget) node.removeWidget(widget)
  }
}

/**
 * @param {Node} node
 * @param {Field} field
 * @param {number} number
 */
function findSlot(node, field, number) {
  return node.inputs.findIndex((input) => input.name === inputName(field, number))
}

/**
 * @param {Node} node
 * @param {number} number
 */
function disconnectRow(node, number) {
  for (const field of FIELDS) {
    const slot = findSlot(node, field, number)
    if (node.inputs[slot]?.link != null) node.disconnectInput(slot)
  }
}

/**
 * @param {Node} node
 * @param {number} number
 * @returns {Partial<Record<Field, number | null>>} link ids
 */
function rowLinks(node, number) {
  const links = FIELDS.map((field) => [field, node.inputs[findSlot(node, field, number)]?.link])
  return Object.fromEntries(links)
}

/**
 * @param {Node} node
 * @param {number} number
 * @param {Partial<Record<Field, number | null>>} links
 */
function writeLinks(node, number, links) {
  for (const field of FIELDS) {
    const slot = findSlot(node, field, number)
    const input = node.inputs[slot]
    const id = links[field] ?? null
    if (!input || input.link === id) continue
    input.link = id
    const link = id === null ? undefined : node.graph?.getLink(id)
    if (link) link.target_slot = slot
    // 1 is the host's code for inputs; its Vue nodes redraw their slots on this event.
    node.graph?.trigger?.('node:slot-links:changed', {
      nodeId: node.id,
      slotType: 1,
      slotIndex: slot,
      connected: id !== null,
      linkId: id,
    })
  }
}
