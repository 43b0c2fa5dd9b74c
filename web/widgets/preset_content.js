/**
 * Keeps the content of a user's presets in the graph: `WARM` becomes `WARM{down=0.5, *=0}` once it is
 * written into a block weights field, so that the graph means the same where the preset is unknown.
 */

/** @typedef {import('../types/comfy').Node} Node */
/** @typedef {import('../types/comfy').Widget} Widget */

/** So that nobody's text changes while it is being typed. */
const PAUSE_MS = 800

export class PresetContent {
  /** @type {WeakMap<Widget, ReturnType<typeof setTimeout>>} */
  #waiting = new WeakMap()

  /**
   * @param {(text: string) => Promise<string>} withContent
   * @param {number} [pauseMs]
   */
  constructor(withContent, pauseMs = PAUSE_MS) {
    this.withContent = withContent
    this.pauseMs = pauseMs
  }

  /**
   * To be called when a field has changed.
   *
   * @param {Node} node
   * @param {Widget} widget
   */
  changed(node, widget) {
    clearTimeout(this.#waiting.get(widget))
    this.#waiting.set(
      widget,
      setTimeout(() => this.#fill(node, widget), this.pauseMs),
    )
  }

  /**
   * @param {Node} node
   * @param {Widget} widget
   */
  async #fill(node, widget) {
    const text = widget.value
    if (typeof text !== 'string' || !/[a-z]/i.test(text)) return
    // Malformed text is told when the graph is queued, where it can be mended.
    const filled = await this.withContent(text).catch(() => text)
    if (widget.value !== text || filled === text) return
    widget.value = filled
    node.setDirtyCanvas(true, true)
  }
}
