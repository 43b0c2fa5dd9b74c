/** What the canvas is to have although the pointer is over a node's own element. */

/** @typedef {import('../../types/comfy').Canvas} Canvas */

const MIDDLE_BUTTON = 1
const MIDDLE_HELD = 4

/**
 * Lets the wheel zoom and the middle button pan, as over any other part of a node.
 *
 * @param {HTMLElement} root
 * @param {() => Canvas} canvas
 */
export function letThroughToCanvas(root, canvas) {
  root.addEventListener('wheel', (event) => {
    // Nodes 2.0 does so itself, but only for what comes up to its nodes.
    if (root.closest('[data-node-id]')) return
    event.preventDefault()
    canvas().processMouseWheel(event)
  })
  root.addEventListener('pointerdown', (event) => {
    if (event.button === MIDDLE_BUTTON) canvas().processMouseDown(event)
  })
  root.addEventListener('pointermove', (event) => {
    if ((event.buttons & MIDDLE_HELD) !== 0) canvas().processMouseMove(event)
  })
  root.addEventListener('pointerup', (event) => {
    if (event.button === MIDDLE_BUTTON) canvas().processMouseUp(event)
  })
}
