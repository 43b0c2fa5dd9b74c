/** Which model file a node works on, as far as the graph tells it. */

/** @typedef {import('../types/comfy').Node} Node */
/** @typedef {import('../types/comfy').Graph} Graph */

/** Widgets that name a model's file, and its folder. @type {Record<string, string>} */
const LOADERS = { ckpt_name: 'checkpoints', unet_name: 'diffusion_models' }

/** The host's id of a subgraph's own inputs. */
const SUBGRAPH_INPUT = -10

/** Longer chains than this are loops of a broken graph. */
const MAX_STEPS = 200

/**
 * Follows the model's links back to a loader, into subgraphs and out of them; null where none is
 * found. Of a subgraph that is used several times, the first use counts.
 *
 * @param {Node} node
 * @returns {{directory: string, name: string} | null}
 */
export function connectedModel(node) {
  /** @type {Node | null | undefined} */
  let at = node
  for (let steps = 0; at && steps < MAX_STEPS; steps += 1) {
    const file = loadedFile(at)
    if (file) return file
    at = modelSource(at)
  }
  return null
}

/** @param {Node} node */
function loadedFile(node) {
  for (const widget of node.widgets ?? []) {
    const directory = LOADERS[widget.name]
    if (directory && typeof widget.value === 'string') return { directory, name: widget.value }
  }
  return null
}

/** @param {Node} node */
function modelSource(node) {
  const input = node.inputs?.find(
    (slot) => slot.link != null && (slot.type === 'MODEL' || slot.type === '*'),
  )
  return input?.link == null ? null : sourceOf(node.graph, input.link)
}

/**
 * The node that a link really comes from.
 *
 * @param {Graph | null | undefined} graph
 * @param {number | null | undefined} id
 * @returns {Node | null}
 */
function sourceOf(graph, id) {
  for (let steps = 0; graph && id != null && steps < MAX_STEPS; steps += 1) {
    const link = graph.getLink(id)
    if (!link) return null
    if (link.origin_id === SUBGRAPH_INPUT) {
      const user = userOf(graph)
      id = user?.inputs[link.origin_slot]?.link
      graph = user?.graph
      continue
    }
    const origin = graph.getNodeById(link.origin_id)
    if (!origin?.subgraph) return origin ?? null
    id = origin.subgraph.outputs?.[link.origin_slot]?.linkIds[0]
    graph = origin.subgraph
  }
  return null
}

/**
 * The node that stands for a subgraph, in the graph around it.
 *
 * @param {Graph} graph
 */
function userOf(graph) {
  const root = graph.rootGraph ?? graph
  for (const around of [root, ...(root.subgraphs?.values() ?? [])]) {
    const user = around.nodes.find(({ subgraph }) => subgraph?.id === graph.id)
    if (user) return user
  }
  return null
}
