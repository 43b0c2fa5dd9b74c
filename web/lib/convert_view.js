/** What people read about the conversion of other packs' LoRA nodes. */

import { say, sayCount } from './strings.js'

/** @typedef {import('../types/comfy').MissingNode} MissingNode */
/** @typedef {import('../types/comfy').SavedGraph} SavedGraph */
/** @typedef {import('../types/satchel').ConvertResult} ConvertResult */

/**
 * The missing nodes that can be converted: how many there are, and of which types, each once.
 *
 * @param {readonly MissingNode[]} missing
 * @param {ReadonlySet<string>} convertible
 */
export function convertibleAmong(missing, convertible) {
  const types = missing
    .map((node) => (typeof node === 'string' ? node : node.type))
    .filter((type) => convertible.has(type))
  return { count: types.length, types: [...new Set(types)] }
}

/** @param {number} count */
export function offerTitle(count) {
  return sayCount('convert.offer', count)
}

/** @param {readonly string[]} types */
export function offerDetail(types) {
  return sayCount('convert.become', types.length, { types: types.join(', ') })
}

/** @param {ConvertResult} result */
export function convertedSummary(result) {
  return sayCount('convert.done', result.converted.length)
}

/**
 * Whatever a person should know about single nodes: what is not as it was, and why nodes stay.
 *
 * @param {ConvertResult} result
 * @returns {{changed: NodeRemark[], kept: NodeRemark[]}}
 */
export function remarks(result) {
  const label = (/** @type {string} */ type, /** @type {string} */ node) =>
    `${type}, ${nodeLabel(node, result.graph)}`
  return {
    changed: result.converted
      .filter((entry) => entry.notes.length > 0)
      .map((entry) => ({ node: label(entry.from, entry.node), lines: entry.notes })),
    kept: result.kept.map((entry) => ({
      node: label(entry.type, entry.node),
      lines: [entry.reason],
    })),
  }
}

/**
 * @typedef {object} NodeRemark
 * @property {string} node
 * @property {string[]} lines
 */

/**
 * `12` -> `node 12`; `6b1f...:12` -> `node 12 in "Style"`.
 *
 * @param {string} key
 * @param {SavedGraph} graph
 */
export function nodeLabel(key, graph) {
  const at = key.lastIndexOf(':')
  const id = key.slice(at + 1)
  if (at < 0) return say('convert.node', { id })
  const name = findSubgraph(graph, key.slice(0, at))?.name
  return name ? say('convert.nodeIn', { id, name }) : say('convert.nodeInSubgraph', { id })
}

/**
 * @param {SavedGraph} graph
 * @param {string} id
 * @returns {SavedGraph | undefined}
 */
function findSubgraph(graph, id) {
  for (const subgraph of graph.definitions?.subgraphs ?? []) {
    const found = subgraph.id === id ? subgraph : findSubgraph(subgraph, id)
    if (found) return found
  }
  return undefined
}
