/**
 * Opening graphs in API format. The host makes bare nodes and then looks their widgets up by name,
 * so a LoRA Stack must have its rows as soon as it has its id.
 */

import { closeUpInputs, parseInputName } from '../lib/rows.js'
import { shapeRows } from './lora_rows.js'
import { LORA_STACK } from './lora_stack.js'
import { addSocket } from './row_cells.js'

/** @typedef {import('../types/comfy').ApiGraph} ApiGraph */
/** @typedef {import('../lib/rows.js').Row} Row */

export class ApiGraphRows {
  /** By node id, while a graph is being opened. @type {Map<string, {rows: Row[], linked: string[]}>} */
  #rows = new Map()

  /** @param {import('../types/comfy').ComfyApp} app */
  watchLoading(app) {
    const load = app.loadApiJson
    app.loadApiJson = (graph, fileName) => {
      const closed = this.#closeUp(graph)
      try {
        load.call(app, closed, fileName)
      } finally {
        this.#rows.clear()
      }
    }
  }

  /**
   * @param {import('../types/comfy').NodeType} nodeType
   * @param {string[]} names the shared list of LoRA files
   */
  addRowsTo(nodeType, names) {
    const rowsById = this.#rows
    const { onAdded } = nodeType.prototype
    nodeType.prototype.onAdded = function (graph) {
      const { rows, linked } = rowsById.get(String(this.id)) ?? {}
      if (rows !== undefined) shapeRows(this, rows, names)
      for (const name of linked ?? []) {
        const cell = parseInputName(name)
        if (cell) addSocket(this, cell.field, cell.number)
      }
      onAdded?.call(this, graph)
    }
  }

  /**
   * @param {ApiGraph} graph
   * @returns {ApiGraph}
   */
  #closeUp(graph) {
    const entries = Object.entries(graph).map(([id, node]) => {
      if (node?.class_type !== LORA_STACK) return [id, node]
      const { inputs, rows } = closeUpInputs(node.inputs ?? {})
      const linked = Object.keys(inputs).filter((name) => Array.isArray(inputs[name]))
      this.#rows.set(id, { rows, linked })
      return [id, { ...node, inputs }]
    })
    return Object.fromEntries(entries)
  }
}
