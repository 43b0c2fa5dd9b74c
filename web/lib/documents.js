/** Saved graphs as plain JSON: is there a lock, take over local names, name the exported file. */

/** @typedef {import('../types/comfy').SavedGraph} SavedGraph */

/**
 * The lock that an exported graph carries; null for any other graph.
 *
 * @param {SavedGraph} graph
 */
export function carriedLock(graph) {
  const lock = graph?.extra?.satchel
  return lock !== null && typeof lock === 'object' ? lock : null
}

/**
 * Takes widget values and embedded model records over from a copy of the same graph, into the graph
 * itself, which the host or another extension may have changed elsewhere meanwhile.
 *
 * @param {SavedGraph} from
 * @param {SavedGraph} to
 */
export function takeOverNames(from, to) {
  const lock = carriedLock(from)
  if (lock && to.extra) to.extra.satchel = lock
  const nodes = new Map((from.nodes ?? []).map((node) => [String(node.id), node]))
  for (const node of to.nodes ?? []) {
    const source = nodes.get(String(node.id))
    if (!source || source.type !== node.type) continue
    if ('widgets_values' in source) node.widgets_values = source.widgets_values
    if (source.properties && 'models' in source.properties && node.properties) {
      node.properties.models = source.properties.models
    }
  }
  const subgraphs = new Map((from.definitions?.subgraphs ?? []).map((graph) => [graph.id, graph]))
  for (const graph of to.definitions?.subgraphs ?? []) {
    const source = subgraphs.get(graph.id)
    if (source) takeOverNames(source, graph)
  }
}

/**
 * `my/flow.portable.json` -> `flow`, without characters that some system refuses.
 *
 * @param {string | undefined} workflow name of the open workflow
 */
export function workflowStem(workflow) {
  const base = (workflow ?? '').split(/[\\/]/).pop() ?? ''
  const stem = base.replace(/(\.portable)?(\.(json|zip|png|webp))?$/i, '')
  return safeName(stem) || 'workflow'
}

/**
 * A name without characters that some system refuses in a file's name.
 *
 * @param {string} name
 */
export function safeName(name) {
  return name.replace(/[<>:"|?*\\/\u0000-\u001f]/g, '_').trim()
}

/**
 * Whether a file is a bundle, which the host cannot open.
 *
 * @param {{name: string, type: string}} file
 */
export function isBundle(file) {
  const types = ['application/zip', 'application/x-zip-compressed']
  return /\.zip$/i.test(file.name) || types.includes(file.type)
}
