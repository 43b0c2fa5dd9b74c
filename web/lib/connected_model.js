/** Which model file a node works on, as far as the graph tells it. */

/** @typedef {import('../types/comfy').Node} Node */

/** Widgets that name a model's file, and its folder. @type {Record<string, string>} */
const LOADERS = { ckpt_name: 'checkpoints', unet_name: 'diffusion_models' }

/** Longer chains than this are loops of a broken graph. */
const MAX_STEPS = 200

/**
 * Follows the model's links back to a loader; null where none is found, such as behind the input of a
 * subgraph.
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
  const link = input?.link == null ? undefined : node.graph?.getLink(input.link)
  return link ? node.graph?.getNodeById(link.origin_id) : null
}
