/** A small menu at a place of the page, by mouse and by keys. */

import { element } from '../../dialogs/elements.js'

/**
 * @typedef {object} MenuItem
 * @property {string} label
 * @property {string} [icon] of PrimeIcons
 * @property {string} [keys] that do the same
 * @property {boolean} [disabled]
 * @property {boolean} [checked] makes it a box to tick
 * @property {() => void} act
 */

/** `-` is a line between groups. @typedef {MenuItem | '-'} MenuEntry */

const GAP = 4

/**
 * @param {string} label
 * @param {readonly MenuEntry[]} entries
 * @param {{x: number, y: number} | HTMLElement} place a point, or what the menu hangs from
 */
export function openMenu(label, entries, place) {
  new Menu(label, entries).open(place)
}

class Menu {
  /** Where the focus was. @type {Element | null} */
  #before = null
  #stop = new AbortController()

  /**
   * @param {string} label
   * @param {readonly MenuEntry[]} entries
   */
  constructor(label, entries) {
    this.items = entries.map((entry) => this.#item(entry))
    this.root = element(
      'div',
      { class: 'satchel-menu', role: 'menu', 'aria-label': label, tabindex: '-1' },
      ...this.items,
    )
    this.root.addEventListener('keydown', (event) => this.#key(event))
    this.root.addEventListener('contextmenu', (event) => event.preventDefault())
  }

  /** @param {{x: number, y: number} | HTMLElement} place */
  open(place) {
    this.#before = document.activeElement
    document.body.append(this.root)
    const { x, y, top } = cornerOf(place)
    const { offsetWidth: width, offsetHeight: height } = this.root
    const left = Math.max(GAP, Math.min(x, window.innerWidth - width - GAP))
    const below = y + height + GAP <= window.innerHeight
    const up = Math.max(GAP, Math.min(top - height, window.innerHeight - height - GAP))
    Object.assign(this.root.style, { left: `${left}px`, top: `${below ? y : up}px` })
    const { signal } = this.#stop
    const outside = (/** @type {Event} */ event) => {
      if (!(event.target instanceof Node && this.root.contains(event.target))) this.close()
    }
    for (const type of ['pointerdown', 'wheel', 'resize']) {
      window.addEventListener(type, outside, { capture: true, signal })
    }
    this.#focus(0, 1)
  }

  close() {
    this.#stop.abort()
    this.root.remove()
  }

  /** @param {MenuEntry} entry */
  #item(entry) {
    if (entry === '-') return element('hr')
    const { label, icon, keys, disabled, checked, act } = entry
    const mark = checked === undefined ? icon : checked ? 'pi-check' : undefined
    const item = element(
      'button',
      {
        type: 'button',
        role: checked === undefined ? 'menuitem' : 'menuitemcheckbox',
        tabindex: '-1',
        ...(checked !== undefined && { 'aria-checked': String(checked) }),
      },
      element('span', { class: mark ? `pi ${mark}` : 'pi', 'aria-hidden': 'true' }),
      element('span', { class: 'satchel-menu-label' }, label),
      ...(keys ? [element('kbd', { 'aria-hidden': 'true' }, keys)] : []),
    )
    item.disabled = disabled ?? false
    item.addEventListener('click', () => {
      this.close()
      this.#giveBack()
      act()
    })
    item.addEventListener('pointermove', () => item.focus())
    return item
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    event.stopPropagation() // the host has keys of its own
    const at = this.items.findIndex((item) => item === document.activeElement)
    if (event.key === 'ArrowDown') this.#focus(at + 1, 1)
    else if (event.key === 'ArrowUp') this.#focus(at - 1, -1)
    else if (event.key === 'Home') this.#focus(0, 1)
    else if (event.key === 'End') this.#focus(this.items.length - 1, -1)
    else if (event.key === 'Escape' || event.key === 'Tab') {
      this.close()
      this.#giveBack()
    } else return
    event.preventDefault()
  }

  /**
   * Focuses the first item from here on that can be chosen, around the ends.
   *
   * @param {number} from
   * @param {1 | -1} way
   */
  #focus(from, way) {
    const { length } = this.items
    for (let steps = 0; steps < length; steps += 1) {
      const item = this.items[(from + way * steps + length * 2) % length]
      if (item instanceof HTMLButtonElement && !item.disabled) return item.focus()
    }
  }

  #giveBack() {
    if (this.#before instanceof HTMLElement) this.#before.focus({ preventScroll: true })
  }
}

/** @param {{x: number, y: number} | HTMLElement} place */
function cornerOf(place) {
  if (!(place instanceof HTMLElement)) return { ...place, top: place.y }
  const { left, bottom, top } = place.getBoundingClientRect()
  return { x: left, y: bottom, top }
}
