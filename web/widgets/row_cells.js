/**
 * One field of a row as the host has it: a widget, which holds the value, and an input socket where
 * the user wants one.
 *
 * The widgets are the host's own, so its missing-model scan, promotion out of subgraphs, copy and
 * paste, undo and API export treat a row like any other widget. They are not drawn, since the list of
 * rows shows them all, but for those that have a socket: there the host draws the widget beside it.
 */

import { ON_MISMATCH, inputName, parseInputName } from '../lib/rows.js'
import { say } from '../lib/strings.js'

/** @typedef {import('../types/comfy').Node} Node */
/** @typedef {import('../types/comfy').Widget} Widget */
/** @typedef {import('../types/comfy').InputSlot} InputSlot */
/** @typedef {import('../lib/rows.js').Row} Row */
/** @typedef {import('../lib/rows.js').Field} Field */

const STRENGTH = { min: -10, max: 10, step: 0.5, step2: 0.05, precision: 2, round: 0.01 }
const PART = { min: 0, max: 1, step: 0.5, step2: 0.05, precision: 2, round: 0.01 }

/** @type {Record<Field, {type: string, socket: string}>} */
const WIDGETS = {
  on: { type: 'toggle', socket: 'BOOLEAN' },
  lora: { type: 'combo', socket: 'COMBO' },
  strength_model: { type: 'number', socket: 'FLOAT' },
  strength_clip: { type: 'number', socket: 'FLOAT' },
  blocks: { type: 'text', socket: 'STRING' },
  start: { type: 'number', socket: 'FLOAT' },
  stop: { type: 'number', socket: 'FLOAT' },
  on_mismatch: { type: 'combo', socket: 'COMBO' },
}

/**
 * @param {Node} node
 * @param {Field} field
 * @param {number} number
 */
export function findWidget(node, field, number) {
  const name = inputName(field, number)
  return node.widgets?.find((widget) => widget.name === name)
}

/**
 * @param {Node} node
 * @param {Field} field
 * @param {number} number
 */
export function findSlot(node, field, number) {
  const name = inputName(field, number)
  return node.inputs.findIndex((input) => input.name === name)
}

/**
 * @param {Node} node
 * @param {Field} field
 * @param {number} number
 * @param {Row[Field]} value
 * @param {string[]} names the shared list of LoRA files
 */
export function addCell(node, field, number, value, names) {
  const name = inputName(field, number)
  const isHidden = () => !node.inputs.some((input) => input.name === name)
  const options = Object.defineProperty({ ...optionsOf(field, names) }, 'hidden', {
    get: isHidden, // what Nodes 2.0 asks
    enumerable: true,
  })
  const { type } = WIDGETS[field]
  const widget = node.addWidget(type, name, value, callbackOf(node, field), options)
  // The host remembers the value of a widget of this name that was removed before.
  widget.value = value
  widget.label = labelOf(field, number)
  widget.tooltip = say(`rows.tip.${field}`)
  Object.defineProperty(widget, 'hidden', { get: isHidden, configurable: true }) // the canvas asks
  watchValue(widget, () => node.rowsChanged?.())
}

/**
 * @param {Node} node
 * @param {Field} field
 * @param {number} number
 */
export function removeCell(node, field, number) {
  removeSocket(node, field, number)
  const widget = findWidget(node, field, number)
  if (widget) node.removeWidget(widget)
}

/**
 * Gives a field an input socket, below those that others have; the host then draws its widget.
 *
 * @param {Node} node
 * @param {Field} field
 * @param {number} number
 * @returns {InputSlot | undefined} nothing where the row has no such field
 */
export function addSocket(node, field, number) {
  const at = findSlot(node, field, number)
  if (at >= 0) return node.inputs[at]
  const widget = findWidget(node, field, number)
  if (!widget) return undefined
  const { socket } = WIDGETS[field]
  const { name } = widget
  const label = labelOf(field, number)
  const input = node.addInput(name, socket, { label, widget: { name } })
  const { values, hidden: _, ...options } = /** @type {any} */ (widget.options)
  const spec = socket === 'COMBO' ? [values, {}] : [socket, { ...options, default: widget.value }]
  // Only so that a Primitive node can be connected; there is no other way to say a socket's spec.
  globalThis.window?.comfyAPI?.widgetInputs?.setWidgetConfig?.(input, spec)
  return input
}

/**
 * @param {Node} node
 * @param {Field} field
 * @param {number} number
 */
export function removeSocket(node, field, number) {
  const slot = findSlot(node, field, number)
  if (slot >= 0) node.removeInput(slot)
}

/**
 * Makes a socket when the host asks for that of a widget which it is about to promote out of a
 * subgraph. Those that nothing is linked to right away go again: the host also asks in passing.
 *
 * @param {import('../types/comfy').NodeType} nodeType
 */
export function offerSockets(nodeType) {
  /** @type {WeakMap<Node, {field: Field, number: number}[]>} */
  const offered = new WeakMap()
  const { getSlotFromWidget } = nodeType.prototype
  nodeType.prototype.getSlotFromWidget = function (widget) {
    const found = getSlotFromWidget.call(this, widget)
    const cell = widget && parseInputName(widget.name)
    if (found || !cell || !this.graph || this.graph === this.graph.rootGraph) return found
    const cells = offered.get(this) ?? []
    cells.push(cell)
    if (cells.length === 1) {
      offered.set(this, cells)
      const [width, height] = this.size
      queueMicrotask(() => {
        offered.delete(this)
        for (const { field, number } of cells) {
          const slot = findSlot(this, field, number)
          if (this.inputs[slot]?.link == null) removeSocket(this, field, number)
        }
        // The host makes room for each socket.
        this.setSize([width, Math.max(height, this.computeSize()[1])])
      })
    }
    return addSocket(this, cell.field, cell.number)
  }
  // This one asks for every widget, every time that the node is drawn.
  nodeType.prototype.updateComputedDisabled = function () {
    const linked = new Set(this.inputs.flatMap(({ link, name }) => (link == null ? [] : name)))
    for (const widget of this.widgets ?? []) {
      widget.computedDisabled = Boolean(widget.disabled) || linked.has(widget.name)
    }
  }
}

/**
 * @param {Field} field
 * @param {number} number
 */
function labelOf(field, number) {
  return say('rows.label', { number, field: say(`rows.field.${field}`) })
}

/**
 * @param {Field} field
 * @param {string[]} names
 * @returns {Record<string, unknown>}
 */
function optionsOf(field, names) {
  if (field === 'lora') return { values: names }
  if (field === 'on_mismatch') return { values: ON_MISMATCH }
  if (field === 'start' || field === 'stop') return PART
  return WIDGETS[field].socket === 'FLOAT' ? STRENGTH : {}
}

/**
 * What happens when the user changes a widget that the host draws.
 *
 * @param {Node} node
 * @param {Field} field
 * @returns {(this: Widget, value: any) => void}
 */
function callbackOf(node, field) {
  if (WIDGETS[field].socket === 'FLOAT') return roundNumber
  if (field !== 'blocks') return () => {}
  return function () {
    node.blocksChanged?.(this)
  }
}

/**
 * @this {Widget}
 * @param {number} value
 */
function roundNumber(value) {
  // Steps of 0.05 add up to 0.15000000000000002.
  this.value = Math.round(value * 100) / 100
}

/**
 * Tells when anybody writes a value: dialogs, Primitive nodes and other scripts do.
 *
 * @param {Widget} widget
 * @param {() => void} changed
 */
function watchValue(widget, changed) {
  const host = Object.getPrototypeOf(widget)
  Object.defineProperty(widget, 'value', {
    configurable: true,
    get() {
      return Reflect.get(host, 'value', this)
    },
    set(value) {
      Reflect.set(host, 'value', value, this)
      changed()
    },
  })
}
