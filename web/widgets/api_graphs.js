/**
 * Opening graphs in API format. The host makes bare nodes and then looks their widgets up by name,
 * so a LoRA Stack must have its rows as soon as it has its id.
 */

import { closeUpInputs } from '../lib/rows.js'
import { shapeRows } from './lora_rows.js'
import { LORA_STACK } from './lora_stack.js'

/** @typedef {import('../types/comfy').ApiGraph} ApiGraph */
/** @typedef {import('../lib/rows.js').Row} Row */

export class ApiGraphRows {
  /** Rows by node id, while a graph is being opened. @type {Map<string, Row[]>} */
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
      const rows = rowsById.get(String(this.id))
      if (rows !== undefined) shapeRows(this, rows, names)
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
      this.#rows.set(id, rows)
      return [id, { ...node, inputs }]
    })
    return Object.fromEntries(entries)
  }
}
