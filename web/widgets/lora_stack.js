/** Gives the LoRA Stack node its rows and the list that shows them. */

import { openLoraPicker } from '../dialogs/lora_picker.js'
import { connectedModel } from '../lib/connected_model.js'
import { keptInputs, rowsFromSaved, rowsToSaved } from '../lib/rows.js'
import { say } from '../lib/strings.js'
import { shapeRows } from './lora_rows.js'
import { addSocket, offerSockets } from './row_cells.js'
import { StackController } from './stack/stack_controller.js'
import { markStep } from './undo.js'

/** @typedef {import('../types/comfy').ComfyApp} ComfyApp */
/** @typedef {import('../types/comfy').Node} Node */

export const LORA_STACK = 'SatchelLoraStack'

const INITIAL_WIDTH = 400

/**
 * Makes saved rows exist before the host reads their values, which it does by position.
 *
 * @param {import('../types/comfy').NodeType} nodeType
 * @param {string[]} names the shared list of LoRA files
 */
export function restoreRowsOnLoad(nodeType, names) {
  offerSockets(nodeType)
  const { configure } = nodeType.prototype
  nodeType.prototype.configure = function (saved) {
    if (saved.widgets_values == null) return configure.call(this, saved)
    const rows = rowsFromSaved(saved.widgets_values)
    shapeRows(this, rows, names)
    const { inputs, shown, isOld } = keptInputs(saved.inputs ?? [], rows)
    for (const { field, number } of shown) addSocket(this, field, number)
    configure.call(this, { ...saved, inputs, widgets_values: rowsToSaved(rows) })
    this.rowsLoaded?.(isOld)
  }
}

/**
 * @param {Node} node
 * @param {import('./stack/stack_controller.js').StackHost} host
 */
export function addStack(node, host) {
  new StackController(node, host, {
    pick: (current, choose) => {
      const more = { satchel: host.satchel, model: connectedModel(node) }
      pickLora(host.app, host.names, current, choose, more)
    },
    checkModels: () => checkModels(host.app),
  })
  node.setSize([Math.max(node.size[0], INITIAL_WIDTH), node.computeSize()[1]])
}

/**
 * @param {ComfyApp} app
 * @param {readonly string[]} names
 * @param {string} current the file that is to be replaced; empty for a new row
 * @param {(name: string) => void} choose
 * @param {Pick<import('../dialogs/lora_picker.js').PickerOptions, 'satchel' | 'model'>} more
 */
function pickLora(app, names, current, choose, more) {
  if (names.length === 0 && current === '') {
    const { toast } = app.extensionManager
    toast.add({ severity: 'info', summary: say('rows.noLoras'), detail: say('rows.noLorasDetail'), life: 6000 })
    return
  }
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
