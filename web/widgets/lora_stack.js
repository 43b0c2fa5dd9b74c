/** Gives the LoRA Stack node its rows and buttons. */

import {
  newRow,
  rowsFromSaved,
  rowsToSaved,
  withMoved,
  withSkipToggled,
  withWindowToggled,
} from '../lib/rows.js'
import { editRowBlocks } from './block_editing.js'
import { appendRow, readRows, rearrangeRows, replaceRow, shapeRows } from './lora_rows.js'
import { clickEvent, openLoraMenu, openRowsMenu } from './row_menus.js'

/** @typedef {import('../types/comfy').ComfyApp} ComfyApp */
/** @typedef {import('../types/comfy').Node} Node */

export const LORA_STACK = 'SatchelLoraStack'

const INITIAL_WIDTH = 320

/**
 * Makes saved rows exist before the host reads their values, which it does by position.
 *
 * @param {import('../types/comfy').NodeType} nodeType
 * @param {string[]} names the shared list of LoRA files
 */
export function restoreRowsOnLoad(nodeType, names) {
  const { configure } = nodeType.prototype
  nodeType.prototype.configure = function (saved) {
    if (saved.widgets_values == null) return configure.call(this, saved)
    const rows = rowsFromSaved(saved.widgets_values)
    shapeRows(this, rows, names)
    return configure.call(this, { ...saved, widgets_values: rowsToSaved(rows) })
  }
}

/**
 * @param {Node} node
 * @param {ComfyApp} app
 * @param {import('../types/comfy').HostGlobals} globals
 * @param {string[]} names
 * @param {import('../api.js').SatchelApi} satchel
 */
export function addButtons(node, app, globals, names, satchel) {
  const add = addButton(node, app, 'Add LoRA', (event) => {
    if (names.length === 0) return sayNoLoras(app)
    openLoraMenu(globals, app.canvas, names, event, (name) =>
      appendRow(node, newRow(name), names),
    )
  })
  add.tooltip = 'Choose a file; it becomes the last row.'
  const manage = addButton(node, app, 'Change a row', (event) => {
    openRowsMenu(globals, readRows(node), event, {
      ...rowActions(node, names),
      editBlocks: (index) => void editRowBlocks(node, index + 1, satchel, app),
    })
  })
  manage.tooltip =
    'Edit block weights; remove, duplicate or move a row; let it act in some steps, or be skipped.'
  node.setSize([Math.max(node.size[0], INITIAL_WIDTH), node.computeSize()[1]])
}

/**
 * @param {Node} node
 * @param {string[]} names
 * @returns {Omit<import('./row_menus.js').RowActions, 'editBlocks'>}
 */
function rowActions(node, names) {
  const rows = readRows(node)
  const order = [...rows.keys()]
  return {
    toggleWindow: (index) =>
      replaceRow(node, index, withWindowToggled(rows[index] ?? newRow('')), names),
    toggleSkip: (index) => replaceRow(node, index, withSkipToggled(rows[index] ?? newRow('')), names),
    remove: (index) => rearrangeRows(node, withoutItem(order, index), names),
    move: (index, to) => rearrangeRows(node, withMoved(order, index, to), names),
    duplicate: (index) => {
      appendRow(node, rows[index] ?? newRow(''), names)
      rearrangeRows(node, withMoved([...order, rows.length], rows.length, index + 1), names)
    },
  }
}

/**
 * Adds a button that is neither saved nor queued.
 *
 * @param {Node} node
 * @param {ComfyApp} app
 * @param {string} label
 * @param {(event: MouseEvent) => void} press
 */
function addButton(node, app, label, press) {
  const widget = node.addWidget(
    'button',
    label,
    null,
    (_value, _canvas, _node, _pos, event) =>
      press(clickEvent(event, app.canvasPosToClientPos([node.pos[0], node.pos[1]]))),
    { serialize: false },
  )
  widget.serialize = false
  return widget
}

/**
 * @param {number[]} items
 * @param {number} index
 */
function withoutItem(items, index) {
  return items.filter((_, at) => at !== index)
}

/** @param {ComfyApp} app */
function sayNoLoras(app) {
  app.extensionManager.toast.add({
    severity: 'info',
    summary: 'No LoRA found',
    detail: 'Put LoRA files into models/loras, then press R to refresh.',
    life: 6000,
  })
}
