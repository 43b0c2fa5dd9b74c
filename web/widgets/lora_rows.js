/** The rows of one LoRA Stack node, read from its widgets and written to them. */

import {
  ALL_FIELDS,
  FIELDS,
  OPTIONAL_FIELDS,
  fieldsOf,
  inputName,
  newRow,
  parseInputName,
} from '../lib/rows.js'
import { addCell, addSocket, findSlot, findWidget, removeCell, removeSocket } from './row_cells.js'

/** @typedef {import('../types/comfy').Node} Node */
/** @typedef {import('../lib/rows.js').Row} Row */
/** @typedef {import('../lib/rows.js').Field} Field */
/** @typedef {Partial<Record<Field, number | null>>} Sockets link ids of the sockets that a row has */

/** @type {Partial<Record<Field, boolean | number | string>>} */
const OPTIONAL_DEFAULTS = { start: 0, stop: 1, on_mismatch: 'stop' }

/**
 * @param {Node} node
 * @returns {Row[]}
 */
export function readRows(node) {
  /** @type {Record<string, unknown>[]} */
  const rows = []
  for (const widget of node.widgets ?? []) {
    const cell = parseInputName(widget.name)
    if (cell) rows[cell.number - 1] = { ...rows[cell.number - 1], [cell.field]: widget.value }
  }
  return Array.from(rows, (cells) => ({ ...newRow(''), ...cells }))
}

/**
 * Makes the node have the widgets of these rows, whose values the caller writes.
 *
 * @param {Node} node
 * @param {readonly Row[]} rows
 * @param {string[]} names the shared list of LoRA files
 */
export function shapeRows(node, rows, names) {
  const count = readRows(node).length
  for (let number = count + 1; number <= rows.length; number += 1) addRow(node, number, names)
  for (let number = count; number > rows.length; number -= 1) {
    for (const field of ALL_FIELDS) removeCell(node, field, number)
  }
  rows.forEach((row, index) => shapeRow(node, index + 1, row, names))
  node.setDirtyCanvas(true, true)
}

/**
 * @param {Node} node
 * @param {readonly Row[]} added
 * @param {string[]} names
 */
export function appendRows(node, added, names) {
  const rows = [...readRows(node), ...added]
  shapeRows(node, rows, names)
  added.forEach((row, index) => writeRow(node, rows.length - added.length + index + 1, row))
}

/**
 * Gives rows other values; widgets that one then lacks go, and so do their links.
 *
 * @param {Node} node
 * @param {readonly Row[]} rows as many as there are
 * @param {string[]} names
 */
export function replaceRows(node, rows, names) {
  shapeRows(node, rows, names)
  rows.forEach((row, index) => writeRow(node, index + 1, row))
}

/**
 * Puts the rows in another order; rows that `order` leaves out go away. Sockets and links of row
 * inputs move with their rows.
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
  const sockets = rows.map((_, index) => socketsOf(node, index + 1))
  // What moves must not be cut when the sockets of its old row go.
  rows.forEach((_, index) => writeLinks(node, index + 1, {}))
  rows.forEach((_, index) => ALL_FIELDS.forEach((field) => removeSocket(node, field, index + 1)))
  replaceRows(
    node,
    order.map((old) => rows[old] ?? newRow('')),
    names,
  )
  order.forEach((old, index) => {
    for (const field of ALL_FIELDS) {
      if (sockets[old]?.[field] !== undefined) addSocket(node, field, index + 1)
    }
  })
  order.forEach((old, index) => writeLinks(node, index + 1, sockets[old] ?? {}))
}

/**
 * @param {Node} node
 * @param {number} number
 * @param {Row} row
 */
function writeRow(node, number, row) {
  for (const field of fieldsOf(row)) {
    const widget = findWidget(node, field, number)
    if (widget && widget.value !== row[field]) widget.value = row[field]
  }
}

/**
 * Adds a row above the list that shows it, which must stay last: the host saves widget values by
 * position.
 *
 * @param {Node} node
 * @param {number} number
 * @param {string[]} names
 */
function addRow(node, number, names) {
  const widgets = (node.widgets ??= [])
  const list = widgets.findIndex((widget) => widget.serialize === false)
  const first = widgets.length
  const row = newRow('')
  for (const field of FIELDS) addCell(node, field, number, row[field], names)
  if (list >= 0) node.widgets.splice(list, 0, ...node.widgets.splice(first))
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
 * @returns {Sockets}
 */
export function socketsOf(node, number) {
  /** @type {Sockets} */
  const sockets = {}
  for (const field of ALL_FIELDS) {
    const name = inputName(field, number)
    const input = node.inputs.find((candidate) => candidate.name === name)
    if (input) sockets[field] = input.link
  }
  return sockets
}

/**
 * @param {Node} node
 * @param {number} number
 * @param {Sockets} links
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
