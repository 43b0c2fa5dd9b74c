/** The multiline text of the graph in which somebody typed last, in both renderers. */

/** @typedef {import('../types/comfy').ComfyApp} ComfyApp */
/** @typedef {import('../lib/word_places.js').Edit} Edit */

/** @type {HTMLTextAreaElement | null} */
let last = null

/** Begins to watch; once per page. */
export function watchTexts() {
  document.addEventListener('focusin', ({ target }) => {
    const isText = target instanceof HTMLTextAreaElement && !target.readOnly && !target.disabled
    if (isText && !target.closest('dialog, .satchel-words')) last = target
  })
}

/** The text, as long as it is on the page. */
export function lastText() {
  return last?.isConnected ? last : null
}

/**
 * What the node of a text is called; empty if it is nobody's.
 *
 * @param {HTMLTextAreaElement} text
 * @param {ComfyApp} app
 */
export function titleOf(text, app) {
  const id = text.closest('[data-node-id]')?.getAttribute('data-node-id')
  const node = app.canvas?.graph?.nodes.find(
    (candidate) =>
      String(candidate.id) === id || candidate.widgets?.some(({ element }) => element === text),
  )
  return node?.title ?? ''
}

/**
 * Changes a text as typing does: the browser can undo it, and the host hears of it.
 *
 * @param {HTMLTextAreaElement} text
 * @param {Edit} edit
 */
export function typeInto(text, { start, end, text: typed }) {
  text.focus({ preventScroll: true })
  text.setSelectionRange(start, end)
  const done = document.execCommand(typed === '' ? 'delete' : 'insertText', false, typed)
  if (done) return
  text.setRangeText(typed, start, end, 'end')
  text.dispatchEvent(new Event('input', { bubbles: true }))
}
