/** The bars of the block editor: one slider for each slot, painted by pointer and by keys. */

import {
  SCALES,
  afterKey,
  formatWeight,
  groupsOf,
  range,
  scaleFor,
  shareOf,
  stroke,
  valueAt,
  valueText,
} from '../lib/block_values.js'
import { say } from '../lib/strings.js'
import { button, element } from './elements.js'

/** @typedef {import('../types/satchel').BlockSlot} BlockSlot */

export class BlockBars {
  /** @type {BlockSlot[]} */
  slots = []
  /** @type {number[]} */
  values = []
  /** @type {HTMLElement[]} */
  #bars = []
  /** Where a range begins, and the slot that was painted last. */
  #anchor = 0
  /** @type {{index: number, value: number} | null} */
  #last = null
  /** How strong each slot is among the LoRA's, by name. @type {Record<string, number>} */
  #shares = {}
  #wanted = 0
  #scale = 0

  /**
   * @param {() => void} painted called after values were changed by hand
   * @param {(scale: number) => void} scaled called with the scale that is shown
   */
  constructor(painted, scaled) {
    this.painted = painted
    this.scaled = scaled
    this.root = element('div', { class: 'satchel-blocks' })
    this.root.addEventListener('pointerdown', (event) => this.#press(event))
    this.root.addEventListener('pointermove', (event) => this.#drag(event))
    for (const type of ['pointerup', 'pointercancel']) {
      this.root.addEventListener(type, () => (this.#last = null))
    }
    this.root.addEventListener('keydown', (event) => this.#key(event))
    this.root.addEventListener('focusin', (event) => this.#focused(event))
  }

  /**
   * Shows other slots, or the same with other values.
   *
   * @param {BlockSlot[]} slots
   */
  show(slots) {
    const same =
      slots.length === this.slots.length &&
      slots.every(
        (slot, at) =>
          slot.name === this.slots[at]?.name && slot.modules === this.slots[at]?.modules,
      )
    this.slots = slots
    this.values = slots.map((slot) => slot.value ?? 1)
    if (!same) this.#build()
    this.draw()
  }

  /** @param {number} scale index of `SCALES`; a value beyond it makes it wider */
  setScale(scale) {
    this.#wanted = scale
    this.draw()
  }

  focus() {
    this.#bars[0]?.focus()
  }

  /** @param {Record<string, number>} byName how strong each slot is, 1 the strongest */
  showShares(byName) {
    this.#shares = byName
    this.draw()
  }

  /**
   * Sets all values at once.
   *
   * @param {number[]} values
   */
  paintAll(values) {
    this.values = values
    this.draw()
    this.painted()
  }

  draw() {
    this.#scale = scaleFor(this.values, this.#wanted)
    const [low, high] = SCALES[this.#scale] ?? [0, 1]
    this.scaled(this.#scale)
    const zero = shareOf(0, this.#scale)
    this.root.style.setProperty('--zero', `${zero * 100}%`)
    this.#bars.forEach((bar, index) => {
      const value = this.values[index] ?? 1
      const share = shareOf(value, this.#scale)
      const slot = this.slots[index]
      bar.style.setProperty('--from', `${Math.min(share, zero) * 100}%`)
      bar.style.setProperty('--length', `${Math.abs(share - zero) * 100}%`)
      bar.toggleAttribute('data-negative', value < 0)
      bar.toggleAttribute('data-filtered', slot?.filtered === true)
      bar.setAttribute('aria-valuemin', String(low))
      bar.setAttribute('aria-valuemax', String(high))
      bar.setAttribute('aria-valuenow', String(value))
      const text = slot ? valueText(slot, value, this.#shares[slot.name]) : ''
      bar.style.setProperty('--norm', `${(this.#shares[slot?.name ?? ''] ?? 0) * 100}%`)
      bar.setAttribute('aria-valuetext', text)
      bar.title = slot ? `${slot.name}: ${text}` : ''
    })
  }

  #build() {
    this.#anchor = 0
    this.#bars = []
    const sections = groupsOf(this.slots).map(({ title, first, count }) => {
      const indices = range(first, first + count - 1)
      const bars = indices.map((index) => this.#bar(index, title, index === first))
      this.#bars.push(...bars)
      const all = button(title, () => this.#toggle(indices), 'satchel-group')
      all.title = say('blocks.groupAll', { group: title, value: '0 / 1' })
      return element(
        'section',
        { role: 'group', 'aria-label': title },
        all,
        element('div', { class: 'satchel-bars' }, ...bars),
      )
    })
    this.root.replaceChildren(...sections)
  }

  /**
   * @param {number} index
   * @param {string} group
   * @param {boolean} tabStop whether Tab reaches it; the others of its group are a key away
   */
  #bar(index, group, tabStop) {
    const slot = this.slots[index]
    const name = slot?.name ?? ''
    const bar = element(
      'div',
      {
        class: 'satchel-bar',
        role: 'slider',
        tabindex: tabStop ? '0' : '-1',
        'aria-orientation': 'vertical',
        'aria-label': say('blocks.slot', { name, group }),
        'data-index': String(index),
      },
      element('span', { class: 'satchel-track', 'aria-hidden': 'true' }, element('b'), element('i')),
      element('span', { class: 'satchel-slot', 'aria-hidden': 'true' }, name),
    )
    if (slot?.modules === 0) bar.setAttribute('data-absent', '')
    return bar
  }

  /**
   * All of a group to 0, or to 1 if they are 0 already.
   *
   * @param {number[]} indices
   */
  #toggle(indices) {
    const value = indices.every((index) => this.values[index] === 0) ? 1 : 0
    this.#paint(indices.map((index) => ({ index, value })))
  }

  /** @param {{index: number, value: number}[]} changes */
  #paint(changes) {
    for (const { index, value } of changes) this.values[index] = value
    this.draw()
    this.painted()
  }

  /** @param {PointerEvent} event */
  #press(event) {
    const index = this.#indexAt(event)
    if (index === null || event.button !== 0) return
    event.preventDefault()
    this.root.setPointerCapture(event.pointerId)
    const at = { index, value: this.#valueAt(event, index) }
    this.#last = at
    this.#bars[index]?.focus({ preventScroll: true })
    if (event.shiftKey) return this.#paintRange(at)
    this.#anchor = index
    this.#paint([at])
  }

  /** @param {PointerEvent} event */
  #drag(event) {
    if (this.#last === null) return
    const index = this.#nearest(event)
    const at = { index, value: this.#valueAt(event, index) }
    if (event.shiftKey) this.#paintRange(at)
    else this.#paint(stroke(this.#last, at))
    this.#last = at
  }

  /** @param {{index: number, value: number}} to */
  #paintRange({ index, value }) {
    this.#paint(range(this.#anchor, index).map((each) => ({ index: each, value })))
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const index = barIndex(event.target)
    if (index === null || event.ctrlKey || event.metaKey || event.altKey) return
    const aside = { ArrowLeft: -1, ArrowRight: 1 }[event.key]
    const value = afterKey(event.key, this.values[index] ?? 1)
    if (aside === undefined && value === null) return
    event.preventDefault()
    if (aside === undefined) return this.#paint([{ index, value: value ?? 1 }])
    const next = index + aside
    const bar = this.#bars[next]
    if (!bar) return
    if (event.shiftKey) this.#paint([{ index: next, value: this.values[index] ?? 1 }])
    bar.focus()
  }

  /** @param {FocusEvent} event */
  #focused(event) {
    const index = barIndex(event.target)
    const bar = index === null ? undefined : this.#bars[index]
    if (!bar) return
    for (const other of bar.parentElement?.children ?? []) {
      other.setAttribute('tabindex', other === bar ? '0' : '-1')
    }
  }

  /** @param {PointerEvent} event */
  #indexAt(event) {
    const target = document.elementFromPoint(event.clientX, event.clientY)
    return barIndex(target)
  }

  /**
   * The bar under the pointer, or the one that is closest to it.
   *
   * @param {PointerEvent} event
   */
  #nearest(event) {
    const under = this.#indexAt(event)
    if (under !== null) return under
    const distances = this.#bars.map((bar) => {
      const box = bar.getBoundingClientRect()
      const x = Math.max(box.left - event.clientX, 0, event.clientX - box.right)
      const y = Math.max(box.top - event.clientY, 0, event.clientY - box.bottom)
      return x * x + y * y
    })
    return distances.indexOf(Math.min(...distances))
  }

  /**
   * @param {PointerEvent} event
   * @param {number} index
   */
  #valueAt(event, index) {
    const box = this.#bars[index]?.firstElementChild?.getBoundingClientRect()
    if (!box) return 1
    return valueAt((box.bottom - event.clientY) / box.height, this.#scale)
  }

  /** What the slots weigh, by name. */
  named() {
    return Object.fromEntries(this.slots.map((slot, at) => [slot.name, this.values[at] ?? 1]))
  }
}

/** @param {EventTarget | null} target */
function barIndex(target) {
  const bar = target instanceof Element ? target.closest('.satchel-bar') : null
  return bar instanceof HTMLElement ? Number(bar.dataset.index) : null
}

/** @param {number} scale */
export function scaleLabel(scale) {
  const [low, high] = SCALES[scale] ?? [0, 1]
  return say('blocks.scaleRange', { low: formatWeight(low), high: formatWeight(high) })
}
