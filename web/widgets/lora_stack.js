/** Gives the LoRA Stack node its rows and buttons. */

import { openLoraPicker } from '../dialogs/lora_picker.js'
import { connectedModel } from '../lib/connected_model.js'
import { allScaled, allToggled } from '../lib/row_tags.js'
import {
  newRow,
  rowsFromSaved,
  rowsToSaved,
  withMoved,
  withSkipToggled,
  withWindowToggled,
} from '../lib/rows.js'
import { say } from '../lib/strings.js'
import { editRowBlocks } from './block_editing.js'
import { appendRow, readRows, rearrangeRows, replaceRow, shapeRows } from './lora_rows.js'
import { copyRows, pastedRows } from './row_clipboard.js'
import { clickEvent, openRowsMenu } from './row_menus.js'
import { markStep } from './undo.js'

/** @typedef {import('../types/comfy').ComfyApp} ComfyApp */
/** @typedef {import('../types/comfy').Node} Node */
/** @typedef {'copy' | 'copyAll' | 'paste' | 'toggleAll' | 'scaleAll'} ActionsOnAll */
/** @typedef {'toggleWindow' | 'toggleSkip' | 'remove' | 'move' | 'duplicate'} ChangesOfRows */

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
  const add = addButton(node, app, 'Add LoRA', () => {
    if (names.length === 0) return sayNoLoras(app)
    const more = { satchel, model: connectedModel(node) }
    pickLora(app, names, '', (name) => appendRow(node, newRow(name), names), more)
  })
  add.tooltip = 'Choose a file; it becomes the last row.'
  const manage = addButton(node, app, 'Change a row', (event) => {
    openRowsMenu(globals, readRows(node), event, {
      ...rowActions(node, names),
      ...stackActions(node, app, names),
      choose: (index) => {
        const row = readRows(node)[index] ?? newRow('')
        const more = { satchel, model: connectedModel(node) }
        pickLora(app, names, row.lora, (lora) => replaceRow(node, index, { ...row, lora }, names), more)
      },
      isMissing: (index) => !names.includes(readRows(node)[index]?.lora ?? ''),
      checkModels: () => checkModels(app),
      editBlocks: (index) => void editRowBlocks(node, index + 1, satchel, app),
    })
  })
  manage.tooltip =
    'Choose another file or edit block weights; remove, duplicate or move a row; let it act in some steps, or be skipped.'
  node.setSize([Math.max(node.size[0], INITIAL_WIDTH), node.computeSize()[1]])
}

/**
 * @param {Node} node
 * @param {string[]} names
 * @returns {Pick<import('./row_menus.js').RowActions, ChangesOfRows>}
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
 * @param {Node} node
 * @param {ComfyApp} app
 * @param {string[]} names
 * @returns {Pick<import('./row_menus.js').RowActions, ActionsOnAll>}
 */
function stackActions(node, app, names) {
  const copy = async (/** @type {import('../lib/rows.js').Row[]} */ rows) => {
    await copyRows(rows)
    tell(app, 'success', say('rows.copied'), say('rows.copiedDetail'))
  }
  return {
    copy: (index) => void copy(readRows(node).slice(index, index + 1)),
    copyAll: () => void copy(readRows(node)),
    paste: async () => {
      const { rows, refused } = await pastedRows(names)
      for (const row of rows) appendRow(node, row, names)
      markStep(app)
      const tags = refused.join(' ')
      if (tags !== '') tell(app, 'warn', say('rows.refused'), say('rows.refusedDetail', { tags }))
      else if (rows.length === 0) tell(app, 'info', say('rows.nothing'), say('rows.nothingDetail'))
    },
    toggleAll: () => replaceRows(node, allToggled(readRows(node)), names),
    scaleAll: (factor) => replaceRows(node, allScaled(readRows(node), factor), names),
  }
}

/**
 * @param {Node} node
 * @param {import('../lib/rows.js').Row[]} rows as many as there are
 * @param {string[]} names
 */
function replaceRows(node, rows, names) {
  rows.forEach((row, index) => replaceRow(node, index, row, names))
}

/**
 * @param {ComfyApp} app
 * @param {'success' | 'info' | 'warn'} severity
 * @param {string} summary
 * @param {string} detail
 */
function tell(app, severity, summary, detail) {
  app.extensionManager.toast.add({ severity, summary, detail, life: 6000 })
}

/**
 * @param {ComfyApp} app
 * @param {readonly string[]} names
 * @param {string} current the file that is to be replaced; empty for a new row
 * @param {(name: string) => void} choose
 * @param {Pick<import('../dialogs/lora_picker.js').PickerOptions, 'satchel' | 'model'>} more
 */
function pickLora(app, names, current, choose, more) {
  openLoraPicker({
    ...more,
    names,
    current,
    many: current === '',
    choose: (name) => {
      choose(name)
      markStep(app)
    },
    checkModels: () => checkModels(app),
  })
}

/** @param {ComfyApp} app */
function checkModels(app) {
  void app.extensionManager.command.execute('Satchel.CheckModels')
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
  const detail = 'Put LoRA files into models/loras, then press R to refresh.'
  tell(app, 'info', 'No LoRA found', detail)
}
