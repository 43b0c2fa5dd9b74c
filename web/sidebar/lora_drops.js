/** LoRAs that are dragged or sent from the library into the graph. */

import { LORA_STACK } from '../widgets/lora_stack.js'
import { markStep } from '../widgets/undo.js'

/** @typedef {import('../types/comfy').ComfyApp} ComfyApp */
/** @typedef {import('../types/comfy').Node} Node */

export const DRAGGED_LORA = 'application/x-satchel-lora'

/** Where a new node's title is to be caught: below the pointer. */
const GRIP = [40, -12]

export class LoraDrops {
  /** @param {ComfyApp} app */
  constructor(app) {
    this.app = app
    /** @type {AbortController | null} */
    this.listening = null
  }

  /** Takes what is dropped on the canvas, until `stop`. */
  start() {
    if (this.listening) return
    this.listening = new AbortController()
    // Before the host, which would take a drop for a file.
    const options = { capture: true, signal: this.listening.signal }
    document.addEventListener('dragover', (event) => this.#over(event), options)
    document.addEventListener('drop', (event) => this.#drop(event), options)
  }

  stop() {
    this.listening?.abort()
    this.listening = null
  }

  /**
   * @param {DragEvent} event
   * @param {string} name
   */
  drag(event, name) {
    if (!event.dataTransfer) return
    event.dataTransfer.setData(DRAGGED_LORA, name)
    event.dataTransfer.effectAllowed = 'copy'
  }

  /**
   * Without a pointer: to the stack that is selected, else as a new node in the middle of the view.
   *
   * @param {string} name
   * @returns {'row' | 'node'}
   */
  send(name) {
    const { canvas } = this.app
    const selected = Object.values(canvas.selected_nodes ?? {})
    const [stack] = selected
    if (stack && selected.length === 1 && stack.addLora) {
      stack.addLora(name)
      return 'row'
    }
    const { left, top, width, height } = canvas.canvas.getBoundingClientRect()
    this.#addNode(name, [left + width / 2, top + height / 3])
    return 'node'
  }

  /** @param {DragEvent} event */
  #over(event) {
    if (!event.dataTransfer?.types.includes(DRAGGED_LORA) || !this.#isOnCanvas(event)) return
    event.preventDefault()
    event.stopPropagation()
    event.dataTransfer.dropEffect = 'copy'
  }

  /** @param {DragEvent} event */
  #drop(event) {
    const name = event.dataTransfer?.getData(DRAGGED_LORA)
    if (!name || !this.#isOnCanvas(event)) return
    event.preventDefault()
    event.stopPropagation()
    const [x, y] = this.app.clientPosToCanvasPos([event.clientX, event.clientY])
    const node = this.app.canvas.graph.getNodeOnPos(x, y)
    if (node?.addLora) node.addLora(name)
    else this.#addNode(name, [event.clientX, event.clientY])
  }

  /**
   * @param {string} name
   * @param {[number, number]} place in the window
   */
  #addNode(name, place) {
    const { app } = this
    const node = window.LiteGraph.createNode(LORA_STACK)
    if (!node) return
    const [x, y] = app.clientPosToCanvasPos(place)
    node.pos = [x - (GRIP[0] ?? 0), y - (GRIP[1] ?? 0)]
    app.canvas.graph.add(node)
    app.canvas.selectNode(node)
    node.addLora?.(name)
    markStep(app)
  }

  /**
   * Whether nothing but the graph is there; the side bars lie over the canvas.
   *
   * @param {DragEvent} event
   */
  #isOnCanvas({ target }) {
    const { canvas } = this.app.canvas
    if (!(target instanceof Element)) return false
    return target === canvas || target.closest('[data-node-id]') !== null || target.contains(canvas)
  }
}
