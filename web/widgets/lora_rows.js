/**
 * The rows of one LoRA Stack node on the canvas.
 *
 * Each row is five to eight of the host's own widgets with an input socket each, exactly as the
 * host makes them from a declared input. So its missing-model scan, subgraph promotion, copy and paste, undo,
 * API export and both renderers treat a row like any other widget.
 */

import {
  ALL_FIELDS,
  FIELDS,
  ON_MISMATCH,
  OPTIONAL_FIELDS,
  inputName,
  newRow,
  parseInputName,
} from '../lib/rows.js'

/** @typedef {import('../types/comfy').Node} Node */
/** @typedef {import('../types/comfy').Widget} Widget */
/** @typedef {import('../lib/rows.js').Row} Row */
/** @typedef {import('../lib/rows.js').Field} Field */

const STRENGTH = { min: -10, max: 10, step: 0.5, step2: 0.05, precision: 2, round: 0.01 }
const PART = { min: 0, max: 1, step: 0.5, step2: 0.05, precision: 2, round: 0.01 }

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
  start: {
    type: 'number',
    socket: 'FLOAT',
    label: 'start',
    tooltip: 'From this part of sampling on, 0 is the beginning.',
  },
  stop: {
    type: 'number',
    socket: 'FLOAT',
    label: 'stop',
    tooltip: 'Up to this part of sampling, 1 is the end.',
  },
  on_mismatch: {
    type: 'combo',
    socket: 'COMBO',
    label: 'if it does not fit',
    tooltip: 'Stop the run, or skip this row, if its file is missing or is for another model.',
  },
}

/** @type {Partial<Record<Field, boolean | number | string>>} */
const OPTIONAL_DEFAULTS = { start: 0, stop: 1, on_mismatch: 'stop' }

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
 * Makes the node have exactly this many rows, adding empty ones or taking the last ones away.
 *
 * @param {Node} node
 * @param {number} count
 * @param {string[]} names the shared list of LoRA files
 */
function setRowCount(node, count, names) {
  for (let number = rowCount(node) + 1; number <= count; number += 1) addRow(node, number, names)
  for (let number = rowCount(node); number > count; number -= 1) removeRow(node, number)
}

/**
 * Makes the node have the widgets of these rows, whose values the caller writes. The node keeps its
 * width and any height that the user gave it beyond its content.
 *
 * @param {Node} node
 * @param {readonly Row[]} rows
 * @param {string[]} names the shared list of LoRA files
 */
export function shapeRows(node, rows, names) {
  // Before adding widgets, which makes the host grow the node by itself.
  const spare = Math.max(0, node.size[1] - node.computeSize()[1])
  setRowCount(node, rows.length, names)
  rows.forEach((row, index) => shapeRow(node, index + 1, row, names))
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
  const rows = [...readRows(node), row]
  shapeRows(node, rows, names)
  writeRow(node, rows.length, row)
}

/**
 * Gives one row other values; widgets that it then lacks go, and so do their links.
 *
 * @param {Node} node
 * @param {number} index
 * @param {Row} row
 * @param {string[]} names
 */
export function replaceRow(node, index, row, names) {
  shapeRows(node, readRows(node).with(index, row), names)
  writeRow(node, index + 1, row)
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
  // What moves must not be cut when the widgets of its old row go.
  rows.forEach((_, index) => writeLinks(node, index + 1, {}))
  const moved = order.map((old) => rows[old] ?? newRow(''))
  shapeRows(node, moved, names)
  moved.forEach((row, index) => writeRow(node, index + 1, row))
  order.forEach((old, index) => writeLinks(node, index + 1, links[old] ?? {}))
}

/**
 * @param {Node} node
 * @param {number} number
 * @returns {Row}
 */
function readRow(node, number) {
  const values = ALL_FIELDS.map((field) => [field, findWidget(node, field, number)?.value])
  return Object.fromEntries(values.filter(([, value]) => value !== undefined))
}

/**
 * @param {Node} node
 * @param {number} number
 * @param {Row} row
 */
export function writeRow(node, number, row) {
  for (const field of ALL_FIELDS) {
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
 * Gives a row the optional widgets that it should have, behind its others.
 *
 * @param {Node} node
 * @param {number} number
 * @param {Row} row
 * @param {string[]} names
 */
function shapeRow(node, number, row, names) {
  const widgets = (node.widgets ??= [])
  for (const field of OPTIONAL_FIELDS) {
    const has = findWidget(node, field, number) !== undefined
    if (has && row[field] === undefined) removeCell(node, field, number)
    if (has || row[field] === undefined) continue
    const last = widgets.length
    addCell(node, field, number, OPTIONAL_DEFAULTS[field], names)
    const before = ALL_FIELDS.slice(0, ALL_FIELDS.indexOf(field))
    const place = widgets.findLastIndex((widget) => {
      const input = parseInputName(widget.name)
      return input?.number === number && before.includes(input.field)
    })
    widgets.splice(place + 1, 0, ...widgets.splice(last))
  }
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
  const options = optionsOf(field, names)
  const widget = node.addWidget(type, name, value, callbackOf(node, field), { ...options })
  // The host remembers the value of a widget of this name that was removed before.
  widget.value = value
  widget.label = field === 'on' ? `${label} ${number}` : label
  widget.tooltip = tooltip
  const input = node.addInput(name, socket, { widget: { name } })
  const isCombo = socket === 'COMBO'
  const spec = isCombo ? [options.values, {}] : [socket, { ...options, default: value }]
  // Only so that a Primitive node can be connected; there is no other way to say a socket's spec.
  globalThis.window?.comfyAPI?.widgetInputs?.setWidgetConfig?.(input, spec)
}

/**
 * @param {Field} field
 * @param {string[]} names
 * @returns {Record<string, unknown>}
 */
function optionsOf(field, names) {
  if (field === 'lora') return { values: names }
  if (field === 'on_mismatch') return { values: ON_MISMATCH }
  if (field === 'start' || field === 'stop') return PART
  return WIDGETS[field].socket === 'FLOAT' ? STRENGTH : {}
}

/**
 * What happens when the user changes a widget.
 *
 * @param {Node} node
 * @param {Field} field
 * @returns {(this: Widget, value: any) => void}
 */
function callbackOf(node, field) {
  if (WIDGETS[field].socket === 'FLOAT') return roundNumber
  if (field !== 'blocks') return () => {}
  return function () {
    node.blocksChanged?.(this)
  }
}

/**
 * @this {Widget}
 * @param {number} value
 */
function roundNumber(value) {
  // Steps of 0.05 add up to 0.15000000000000002.
  this.value = Math.round(value * 100) / 100
}

/**
 * @param {Node} node
 * @param {number} number
 */
function removeRow(node, number) {
  for (const field of ALL_FIELDS) removeCell(node, field, number)
}

/**
 * @param {Node} node
 * @param {Field} field
 * @param {number} number
 */
function removeCell(node, field, number) {
  const slot = findSlot(node, field, number)
  if (slot >= 0) node.removeInput(slot)
  const widget = findWidget(node, field, number)
  if (widget) node.removeWidget(widget)
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
  for (const field of ALL_FIELDS) {
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
  const links = ALL_FIELDS.map((field) => [field, node.inputs[findSlot(node, field, number)]?.link])
  return Object.fromEntries(links)
}

/**
 * @param {Node} node
 * @param {number} number
 * @param {Partial<Record<Field, number | null>>} links
 */
function writeLinks(node, number, links) {
  for (const field of ALL_FIELDS) {
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
