/**
 * Opening graphs in API format. The host makes bare nodes and then looks their widgets up by name,
 * so a LoRA Stack must have its rows as soon as it has its id.
 */

import { closeUpInputs } from '../lib/rows.js'
import { setRowCount } from './lora_rows.js'
import { LORA_STACK } from './lora_stack.js'

/** @typedef {import('../types/comfy').ApiGraph} ApiGraph */

export class ApiGraphRows {
  /** Row counts by node id, while a graph is being opened. @type {Map<string, number>} */
  #counts = new Map()

  /** @param {import('../types/comfy').ComfyApp} app */
  watchLoading(app) {
    const load = app.loadApiJson
    app.loadApiJson = (graph, fileName) => {
      const closed = this.#closeUp(graph)
      try {
        load.call(app, closed, fileName)
      } finally {
        this.#counts.clear()
      }
    }
  }

  /**
   * @param {import('../types/comfy').NodeType} nodeType
   * @param {string[]} names the shared list of LoRA files
   */
  addRowsTo(nodeType, names) {
    const counts = this.#counts
    const { onAdded } = nodeType.prototype
    nodeType.prototype.onAdded = function (graph) {
      const count = counts.get(String(this.id))
      if (count !== undefined) setRowCount(this, count, names)
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
      this.#counts.set(id, rows)
      return [id, { ...node, inputs }]
    })
    return Object.fromEntries(entries)
  }
}
