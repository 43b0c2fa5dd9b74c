/** The list of a LoRA Stack's rows with its head and foot, as one element. */

import { element } from '../../dialogs/elements.js'
import { nameParts } from '../../lib/row_view.js'
import { say } from '../../lib/strings.js'
import { NumberField } from './number_field.js'
import { dragRow } from './row_drag.js'
import { RowElement, iconButton } from './row_element.js'

/** @typedef {import('./row_element.js').RowState} RowState */

/** Heights in CSS pixels, which satchel-stack.css uses as well. */
const HEAD = 28
const ROW = 28
const SETTINGS = 24
const FOOT = 32
const MOST_TIMES = 10

/**
 * @typedef {object} StackEvents
 * @property {() => void} add
 * @property {() => void} toggleAll
 * @property {(factor: number, done: boolean) => void} scaleAll times what the strengths were before;
 *   `done`: the next factor is of what they are then
 * @property {(place: HTMLElement | {x: number, y: number}) => void} stackMenu
 * @property {(index: number) => import('./row_element.js').RowEvents} row
 * @property {(from: number, to: number) => void} move
 * @property {(index: number) => void} duplicate
 * @property {(index: number) => void} remove
 * @property {(index: number) => string} copied text of a row
 * @property {(text: string) => void} pasted
 * @property {() => void} undo
 */

/**
 * What the list needs in the graph, without margins.
 *
 * @param {readonly RowState[]} states
 */
export function heightOf(states) {
  const settings = states.filter(({ row }) => row.start !== undefined || row.on_mismatch === 'skip')
  return HEAD + states.length * ROW + settings.length * SETTINGS + FOOT
}

export class StackView {
  /** @type {RowElement[]} */
  #rows = []
  /** @type {readonly RowState[]} */
  #states = []
  #active = 0

  /** @param {StackEvents} events */
  constructor(events) {
    this.events = events
    this.all = element('button', { type: 'button', class: 'satchel-switch', role: 'checkbox' })
    this.all.addEventListener('click', () => events.toggleAll())
    this.count = element('span', { class: 'satchel-count' })
    this.scale = new NumberField({
      className: 'satchel-scale',
      range: { min: 0, max: MOST_TIMES },
      initial: 1,
      change: (factor, done) => {
        events.scaleAll(factor, done)
        if (done) this.#showScale()
      },
      undo: events.undo,
    })
    const menu = iconButton('satchel-more', 'pi-ellipsis-v', () => events.stackMenu(menu), say('rows.stackMenu'))
    menu.setAttribute('aria-haspopup', 'menu')
    this.times = element('label', { class: 'satchel-times' }, say('rows.timesAll'), this.scale.root)
    this.head = element('div', { class: 'satchel-stack-head' }, this.all, this.count, this.times, menu)
    this.list = element('ul', { class: 'satchel-rows', role: 'list', 'aria-label': say('rows.list') })
    const plus = element('span', { class: 'pi pi-plus', 'aria-hidden': 'true' })
    this.add = element('button', { type: 'button', class: 'satchel-add' }, plus, say('rows.add'))
    this.add.addEventListener('click', () => events.add())
    this.notice = element('span', { class: 'satchel-stack-notice', role: 'status' })
    this.foot = element('div', { class: 'satchel-stack-foot' }, this.add, this.notice)
    this.root = element('div', { class: 'satchel-stack' }, this.head, this.list, this.foot)
    this.list.addEventListener('keydown', (event) => this.#key(event))
    this.list.addEventListener('focusin', (event) => this.#activate(this.#indexOf(event.target)))
    this.root.addEventListener('copy', (event) => this.#copy(event))
    this.root.addEventListener('paste', (event) => this.#paste(event))
    this.#showScale()
  }

  /** @param {readonly RowState[]} states */
  show(states) {
    this.#states = states
    while (this.#rows.length > states.length) this.#rows.pop()?.root.remove()
    while (this.#rows.length < states.length) {
      const index = this.#rows.length
      const events = this.events.row(index)
      const row = new RowElement({ ...events, drag: (event) => this.#drag(event, row, index) })
      row.setActive(index === this.#active)
      this.#rows.push(row)
      this.list.append(row.root)
    }
    states.forEach((state, index) => this.#rows[index]?.show(state))
    if (this.#active >= states.length) this.#activate(Math.max(0, states.length - 1))
    const on = states.filter(({ row }) => row.on).length
    const isMixed = on > 0 && on < states.length
    this.all.setAttribute('aria-checked', isMixed ? 'mixed' : String(on > 0))
    this.all.setAttribute('aria-label', say('rows.toggle'))
    this.all.title = say('rows.toggle')
    const count = say('rows.count', { on, count: states.length })
    this.count.textContent = states.length === 0 ? say('rows.none') : count
    this.root.toggleAttribute('data-empty', states.length === 0)
  }

  /**
   * @param {number} index
   * @param {(row: RowElement) => HTMLElement} [which] the grip without it
   */
  focusRow(index, which = (row) => row.grip) {
    const row = this.#rows[Math.min(index, this.#rows.length - 1)]
    if (row) which(row).focus({ preventScroll: true })
    else this.add.focus({ preventScroll: true })
  }

  /** Where the focus is: a row and the number of its control; null outside. */
  get focus() {
    const index = this.#indexOf(document.activeElement)
    const control = this.#rows[index]?.controls.indexOf(/** @type {any} */ (document.activeElement))
    return index < 0 || control === undefined || control < 0 ? null : { index, control }
  }

  /** @param {{index: number, control: number}} place as `focus` gave it */
  takeFocus({ index, control }) {
    this.focusRow(index, (row) => row.controls[control] ?? row.grip)
  }

  /**
   * Says what happened, to eyes and ears.
   *
   * @param {string} text
   * @param {boolean} canUndo
   */
  say(text, canUndo = false) {
    this.notice.replaceChildren(text)
    if (!canUndo) return
    const undo = element('button', { type: 'button', class: 'satchel-undo' }, say('rows.undo'))
    undo.addEventListener('click', () => this.events.undo())
    this.notice.append(undo)
  }

  #showScale() {
    this.scale.show(1, say('rows.scale'), say('rows.scaleHelp'), false)
  }

  /** @param {number} index */
  #activate(index) {
    if (index < 0 || index === this.#active) return
    this.#rows[this.#active]?.setActive(false)
    this.#active = index
    this.#rows[index]?.setActive(true)
  }

  /** @param {EventTarget | null} target */
  #indexOf(target) {
    return this.#rows.findIndex(({ root }) => target instanceof Node && root.contains(target))
  }

  /**
   * @param {PointerEvent} event
   * @param {RowElement} row
   * @param {number} index
   */
  #drag(event, row, index) {
    const rows = this.#rows.map(({ root }) => root)
    dragRow(event, row.grip, rows, index, (to) => this.#move(index, to))
  }

  /**
   * @param {number} from
   * @param {number} to
   */
  #move(from, to) {
    if (to < 0 || to >= this.#states.length) return
    const { file } = nameParts(this.#states[from]?.row.lora ?? '')
    this.events.move(from, to)
    this.focusRow(to)
    this.say(say('rows.moved', { name: file, place: to + 1, count: this.#states.length }))
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const index = this.#indexOf(event.target)
    if (index < 0 || event.target instanceof HTMLInputElement) return
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key]
    const isCommand = event.ctrlKey || event.metaKey
    if (step !== undefined && event.altKey) this.#move(index, index + step)
    else if (step !== undefined && !isCommand) this.#goTo(index + step)
    else if (event.key === 'Home' && !isCommand) this.#goTo(0)
    else if (event.key === 'End' && !isCommand) this.#goTo(this.#states.length - 1)
    else if (event.key === 'Delete' || event.key === 'Backspace') this.events.remove(index)
    else if (event.key.toLowerCase() === 'd' && isCommand) this.events.duplicate(index)
    else return
    event.preventDefault()
    event.stopPropagation()
  }

  /** The same control of another row. @param {number} index */
  #goTo(index) {
    const focus = this.focus
    if (!focus || index < 0 || index >= this.#rows.length) return
    this.focusRow(index, ({ controls, grip }) => {
      const same = controls[focus.control]
      return same && same.offsetParent !== null ? same : grip
    })
  }

  /** @param {ClipboardEvent} event */
  #copy(event) {
    const index = this.#indexOf(event.target)
    if (index < 0 || event.target instanceof HTMLInputElement) return
    event.clipboardData?.setData('text/plain', this.events.copied(index))
    event.preventDefault()
    event.stopPropagation()
  }

  /** @param {ClipboardEvent} event */
  #paste(event) {
    if (event.target instanceof HTMLInputElement) return
    event.preventDefault()
    event.stopPropagation()
    this.events.pasted(event.clipboardData?.getData('text/plain') ?? '')
  }
}
