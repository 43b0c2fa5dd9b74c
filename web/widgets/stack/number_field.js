/**
 * A number that is dragged, typed, turned with the wheel, stepped by keys, and reset by a double
 * click.
 */

import { element } from '../../dialogs/elements.js'
import { afterKey, dragged, formatNumber, parseNumber, stepped } from '../../lib/row_view.js'

/** A pointer that moved less was a click. */
const CLICK_PX = 3
/** So that the turns of a wheel are one step of undo. */
const WHEEL_PAUSE_MS = 400

/**
 * @typedef {object} NumberFieldOptions
 * @property {string} className
 * @property {import('../../lib/row_view.js').Range} range
 * @property {number} initial what a double click brings back
 * @property {(value: number, done: boolean) => void} change `done`: a step of undo ends here
 * @property {() => void} undo
 */

export class NumberField {
  #value = 0
  /** Where a drag began. @type {{x: number, value: number, moved: boolean} | null} */
  #drag = null
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer

  /** @param {NumberFieldOptions} options */
  constructor(options) {
    this.options = options
    const { range, className } = options
    this.root = element('input', {
      type: 'text',
      class: `satchel-number ${className}`,
      role: 'spinbutton',
      inputmode: 'decimal',
      autocomplete: 'off',
      spellcheck: 'false',
      'aria-valuemin': String(range.min),
      'aria-valuemax': String(range.max),
      'data-capture-wheel': 'true', // the host's word for: leave the wheel to whoever has the focus
    })
    const listen = this.root.addEventListener.bind(this.root)
    listen('pointerdown', (event) => this.#down(event))
    listen('mousedown', (event) => {
      if (this.#drag) event.preventDefault() // which would place the caret
    })
    listen('pointermove', (event) => this.#move(event))
    listen('pointerup', () => this.#up())
    listen('pointercancel', () => (this.#drag = null))
    listen('dblclick', () => this.#reset())
    listen('focus', () => this.root.select())
    listen('blur', () => this.#typed())
    listen('keydown', (event) => this.#key(event))
    listen('wheel', (event) => this.#wheel(event), { passive: false })
  }

  /**
   * @param {number} value
   * @param {string} label
   * @param {string} title
   * @param {boolean} disabled
   */
  show(value, label, title, disabled) {
    const isTyped = document.activeElement === this.root && this.#isDirty()
    if (value !== this.#value || this.root.value === '') {
      this.#value = value
      if (!isTyped) this.#write()
      this.root.setAttribute('aria-valuenow', String(value))
    }
    if (this.root.title !== title) this.root.title = title
    if (this.root.disabled !== disabled) this.root.disabled = disabled
    if (this.root.getAttribute('aria-label') !== label) this.root.setAttribute('aria-label', label)
  }

  /** Goes to what is being typed, as a click does. */
  edit() {
    this.root.focus()
    this.root.select()
  }

  #isDirty() {
    return this.root.value !== formatNumber(this.#value)
  }

  #write() {
    this.root.value = formatNumber(this.#value)
    if (document.activeElement === this.root) this.root.select()
  }

  /**
   * @param {number} value
   * @param {boolean} done
   */
  #set(value, done) {
    clearTimeout(this.#timer)
    const changed = value !== this.#value
    this.#value = value
    this.root.setAttribute('aria-valuenow', String(value))
    this.#write()
    if (changed || done) this.options.change(value, done)
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.button !== 0) return
    // Whoever types may place the caret.
    if (document.activeElement === this.root) return
    this.root.setPointerCapture(event.pointerId)
    this.#drag = { x: event.clientX, value: this.#value, moved: false }
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const drag = this.#drag
    if (!drag) return
    const pixels = event.clientX - drag.x
    drag.moved ||= Math.abs(pixels) > CLICK_PX
    if (!drag.moved) return
    const value = dragged(drag.value, pixels, event.shiftKey, this.options.range)
    if (value !== this.#value) this.#set(value, false)
  }

  #up() {
    const drag = this.#drag
    this.#drag = null
    if (!drag) return
    if (!drag.moved) this.edit()
    else if (drag.value !== this.#value) this.#set(this.#value, true)
  }

  #reset() {
    this.#set(this.options.initial, true)
  }

  #typed() {
    if (!this.#isDirty()) return
    const value = parseNumber(this.root.value, this.options.range)
    if (value === null || value === this.#value) this.#write()
    else this.#set(value, true)
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const { key, shiftKey } = event
    const isUndo = (event.ctrlKey || event.metaKey) && key.toLowerCase() === 'z' && !shiftKey
    const value = event.altKey ? null : afterKey(key, this.#value, shiftKey, this.options.range)
    if (value !== null) this.#set(value, true)
    else if (key === 'Enter') this.#typed()
    else if (key === 'Escape') this.#write()
    else if (isUndo && !this.#isDirty()) this.options.undo()
    else return
    event.preventDefault()
    event.stopPropagation()
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    // Others want to zoom.
    if (document.activeElement !== this.root || event.ctrlKey || event.metaKey) return
    event.preventDefault()
    event.stopPropagation()
    // Shift turns the wheel sideways.
    const way = -Math.sign(event.deltaY || event.deltaX)
    this.#set(stepped(this.#value, way, event.shiftKey, this.options.range), false)
    this.#timer = setTimeout(() => this.options.change(this.#value, true), WHEEL_PAUSE_MS)
  }
}
