/** Where the focus was when undo made the host build all nodes anew. */

/** @typedef {import('../../types/comfy').Node} Node */
/** @typedef {import('./stack_view.js').StackView} StackView */

const LASTS_MS = 3000
/** Nodes 2.0 mounts a list more than once. */
const STEADY_FRAMES = 20

export class KeptFocus {
  /** @type {{id: Node['id'], place: {index: number, control: number}, until: number} | null} */
  #kept = null

  /**
   * @param {Node} node
   * @param {StackView} view
   */
  keep(node, view) {
    const place = view.focus
    this.#kept = place && { id: node.id, place, until: performance.now() + LASTS_MS }
  }

  /**
   * Puts the focus back once the node's list is on the page, unless it went elsewhere meanwhile.
   *
   * @param {Node} node
   * @param {StackView} view
   */
  giveBack(node, view) {
    const kept = this.#kept
    if (!kept || String(kept.id) !== String(node.id)) return
    this.#kept = null
    let steady = 0
    const tryIt = () => {
      const active = document.activeElement
      const isFree = active === document.body || active === null
      if (isFree && view.root.isConnected) view.takeFocus(kept.place)
      steady = view.root.contains(document.activeElement) ? steady + 1 : 0
      // The list of the node that was may still be there, and have it.
      const isElsewhere = !isFree && active.closest('.satchel-stack') === null
      if (isElsewhere || steady > STEADY_FRAMES || performance.now() > kept.until) return
      requestAnimationFrame(tryIt)
    }
    tryIt()
  }
}
