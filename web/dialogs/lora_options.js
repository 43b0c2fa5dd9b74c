/** The list of LoRA files to choose from: of thousands it draws only what is seen. */

import { drawn } from '../lib/lora_search.js'
import { say } from '../lib/strings.js'
import { element } from './elements.js'
import { loraRow, showThumb } from './lora_row.js'

/** @typedef {import('../lib/lora_search.js').SearchableName} SearchableName */

const ROW_HEIGHT = 50
const MORE = 6
/** Rows that the list has room for. */
const SEEN = 8
/** So that running through the list does not ask for every picture on the way. */
const PICTURE_PAUSE_MS = 80

export const LIST_ID = 'satchel-loras'

/**
 * @typedef {object} OptionsHost
 * @property {(name: string) => import('../types/satchel').LoraCard} cardOf what is known of a file
 * @property {(name: string) => boolean} isStarred
 * @property {(name: string) => string} pictureOf address of its small picture; empty without one
 * @property {() => void} drawn called whenever the list was drawn
 * @property {(entry: SearchableName | undefined) => void} look somebody points at an entry, or at none
 * @property {(shift: boolean) => void} choose the active entry was clicked
 * @property {(entry: SearchableName) => void} star the star of an entry was clicked
 */

export class LoraOptions {
  /** @type {readonly SearchableName[]} */
  #found = []
  #active = 0
  /** Rows that are drawn, by name. @type {Map<string, HTMLElement>} */
  #rows = new Map()
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #pictureTimer

  /** @param {OptionsHost} host */
  constructor(host) {
    this.host = host
    this.space = element('div', { role: 'presentation' })
    this.root = element(
      'div',
      { id: LIST_ID, class: 'satchel-list', role: 'listbox', 'aria-label': say('picker.list') },
      this.space,
    )
    // The style sheet may still be loading, and without a height all names would be in sight.
    Object.assign(this.root.style, { height: `${SEEN * ROW_HEIGHT}px`, overflowY: 'auto' })
    this.root.addEventListener('scroll', () => this.draw(), { passive: true })
    this.root.addEventListener('click', (event) => this.#click(event))
    this.root.addEventListener('pointerover', (event) => {
      const index = indexOf(event.target)
      if (index !== null) host.look(this.#found[index])
    })
    this.root.addEventListener('pointerleave', () => host.look(this.active))
  }

  /** The entry that Enter chooses. */
  get active() {
    return this.#found[this.#active]
  }

  /** The id of its element; empty if there is none. */
  get activeId() {
    return this.active ? optionId(this.#active) : ''
  }

  /** @param {readonly SearchableName[]} found */
  show(found) {
    this.#found = found
    this.space.style.height = `${found.length * ROW_HEIGHT}px`
    this.root.scrollTop = 0
    this.activate(0)
  }

  /**
   * Shows other entries with what is known by now; whoever looks stays where they are.
   *
   * @param {() => void} show calls `show`
   */
  renew(show) {
    const name = this.active?.name
    const top = this.root.scrollTop
    this.#rows.clear()
    show()
    if (name === undefined || !this.has(name)) return
    this.root.scrollTop = top
    this.activateName(name)
  }

  /** @param {string} name */
  has(name) {
    return this.#found.some((entry) => entry.name === name)
  }

  /** @param {string} name */
  activateName(name) {
    this.activate(this.#found.findIndex((entry) => entry.name === name))
  }

  /** @param {number} steps down the list */
  move(steps) {
    this.activate(this.#active + steps)
  }

  /** @param {number} index */
  activate(index) {
    this.#active = Math.max(0, Math.min(this.#found.length - 1, index))
    const top = this.#active * ROW_HEIGHT
    const height = this.root.clientHeight
    if (top < this.root.scrollTop) this.root.scrollTop = top
    else if (top + ROW_HEIGHT > this.root.scrollTop + height) {
      this.root.scrollTop = top + ROW_HEIGHT - height
    }
    this.draw()
    this.host.look(this.active)
  }

  draw() {
    const { first, last } = drawn({
      count: this.#found.length,
      top: this.root.scrollTop,
      height: this.root.clientHeight,
      rowHeight: ROW_HEIGHT,
      more: MORE,
    })
    const rows = this.#found.slice(first, last).map((entry, at) => this.#row(entry, first + at))
    this.#rows = new Map(rows.map((row) => [row.title, row]))
    const there = this.space.children
    // A row that is put in its place again would lose a click that has begun.
    if (rows.length !== there.length || rows.some((row, at) => there[at] !== row)) {
      this.space.replaceChildren(...rows)
    }
    this.host.drawn()
    clearTimeout(this.#pictureTimer)
    this.#pictureTimer = setTimeout(() => this.#showPictures(), PICTURE_PAUSE_MS)
  }

  /**
   * @param {SearchableName} entry
   * @param {number} index
   */
  #row(entry, index) {
    const row = this.#rows.get(entry.name) ?? loraRow(entry, this.host.cardOf(entry.name))
    row.id = optionId(index)
    row.dataset.index = String(index)
    row.style.top = `${index * ROW_HEIGHT}px`
    row.setAttribute('aria-selected', String(index === this.#active))
    row.setAttribute('aria-posinset', String(index + 1))
    row.setAttribute('aria-setsize', String(this.#found.length))
    const star = row.querySelector('.satchel-star')
    const starred = this.host.isStarred(entry.name)
    star?.classList.toggle('pi-star-fill', starred)
    star?.classList.toggle('pi-star', !starred)
    return row
  }

  #showPictures() {
    for (const [name, row] of this.#rows) {
      const url = this.host.pictureOf(name)
      if (url) showThumb(row, url)
    }
  }

  /** @param {MouseEvent} event */
  #click(event) {
    const index = indexOf(event.target)
    const entry = index === null ? undefined : this.#found[index]
    if (index === null || !entry) return
    const star = event.target instanceof Element && event.target.classList.contains('satchel-star')
    if (star) return this.host.star(entry)
    this.#active = index
    this.host.choose(event.shiftKey)
  }
}

/** @param {EventTarget | null} target */
function indexOf(target) {
  const option = target instanceof Element ? target.closest('.satchel-option') : null
  return option instanceof HTMLElement ? Number(option.dataset.index) : null
}

/** @param {number} index */
function optionId(index) {
  return `satchel-lora-${index}`
}
