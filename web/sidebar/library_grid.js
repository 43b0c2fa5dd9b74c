/** A grid of model files that draws only what is in sight; one stop for Tab, arrows inside. */

import { element } from '../dialogs/elements.js'
import { cellAfter, gridShape } from '../lib/library.js'
import { drawn } from '../lib/lora_search.js'
import { say } from '../lib/strings.js'
import { libraryCard } from './library_card.js'

/** @typedef {import('../types/satchel').LibraryModel} LibraryModel */

const GAP = 8
const LEAST = 112
/** Height of the lines below a picture. */
const LINES = 54
const MORE_ROWS = 2
/** So that running through the list does not ask for every picture on the way. */
const PICTURE_PAUSE_MS = 80

let made = 0

export class LibraryGrid {
  #count = 0
  #active = 0
  #shape = gridShape({ width: LEAST, least: LEAST, gap: GAP, lines: LINES })
  /** Cells that are drawn, by index. @type {Map<number, HTMLElement>} */
  #cells = new Map()
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #pictureTimer

  /**
   * @param {object} source
   * @param {import('../lib/library.js').Pages} source.pages
   * @param {(model: LibraryModel) => string} source.picture its address; empty without one
   * @param {(model: LibraryModel) => void} source.open
   * @param {(event: DragEvent, model: LibraryModel) => void} source.drag
   */
  constructor(source) {
    this.source = source
    made += 1
    this.id = `satchel-library-${made}`
    this.space = element('div', { role: 'presentation', class: 'satchel-cells' })
    this.root = element(
      'div',
      { class: 'satchel-grid', role: 'listbox', tabindex: '0', 'aria-label': say('side.lib.list') },
      this.space,
    )
    this.root.addEventListener('scroll', () => this.draw(), { passive: true })
    this.root.addEventListener('keydown', (event) => this.#key(event))
    this.root.addEventListener('click', (event) => {
      const index = indexOf(event.target)
      if (index !== null) this.#open(index)
    })
    this.root.addEventListener('dragstart', (event) => {
      const model = this.source.pages.at(indexOf(event.target) ?? -1)
      if (model) this.source.drag(event, model)
    })
    new ResizeObserver(() => this.#measure()).observe(this.root)
  }

  /**
   * Shows another list.
   *
   * @param {number} count
   * @param {boolean} stay whether it is the same one, looked at again
   */
  show(count, stay) {
    this.#count = count
    this.#cells.clear()
    this.space.replaceChildren()
    if (!stay) this.root.scrollTop = 0
    this.#active = stay ? Math.min(this.#active, Math.max(0, count - 1)) : 0
    this.#measure()
  }

  /** Goes on at the file that was opened last. */
  focus() {
    this.root.focus({ preventScroll: true })
  }

  #measure() {
    const style = getComputedStyle(this.root)
    const width = this.root.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight)
    if (!(width > 0)) return
    this.#shape = gridShape({ width, least: LEAST, gap: GAP, lines: LINES })
    const rows = Math.ceil(this.#count / this.#shape.columns)
    this.space.style.height = `${rows * this.#shape.rowHeight}px`
    this.draw()
  }

  draw() {
    const { columns, rowHeight } = this.#shape
    const rows = drawn({
      count: Math.ceil(this.#count / columns),
      top: this.root.scrollTop,
      // The style sheet may still be loading, and without a height all files would be in sight.
      height: Math.min(this.root.clientHeight, window.innerHeight),
      rowHeight,
      more: MORE_ROWS,
    })
    const first = rows.first * columns
    const last = Math.min(this.#count, rows.last * columns)
    this.source.pages.want(first, last, () => this.draw())
    /** @type {Map<number, HTMLElement>} */
    const cells = new Map()
    for (let index = first; index < last; index += 1) cells.set(index, this.#cell(index))
    this.#cells = cells
    const there = this.space.children
    const wanted = [...cells.values()]
    // A cell that is put in its place again would lose a click or a drag that has begun.
    if (wanted.length !== there.length || wanted.some((cell, at) => there[at] !== cell)) {
      this.space.replaceChildren(...wanted)
    }
    if (cells.has(this.#active)) this.root.setAttribute('aria-activedescendant', this.#idOf(this.#active))
    else this.root.removeAttribute('aria-activedescendant')
    clearTimeout(this.#pictureTimer)
    this.#pictureTimer = setTimeout(() => this.#showPictures(), PICTURE_PAUSE_MS)
  }

  /** @param {number} index */
  #cell(index) {
    const model = this.source.pages.at(index)
    const { columns, cell: width, rowHeight } = this.#shape
    const drawnBefore = this.#cells.get(index)
    const isComplete = drawnBefore?.dataset.waiting === undefined
    const cell = drawnBefore && (isComplete || !model) ? drawnBefore : libraryCard(model)
    cell.id = this.#idOf(index)
    cell.dataset.index = String(index)
    cell.setAttribute('aria-selected', String(index === this.#active))
    cell.setAttribute('aria-posinset', String(index + 1))
    cell.setAttribute('aria-setsize', String(this.#count))
    Object.assign(cell.style, {
      top: `${Math.floor(index / columns) * rowHeight}px`,
      left: `${(index % columns) * (width + GAP)}px`,
      width: `${width}px`,
      height: `${rowHeight - GAP}px`,
    })
    return cell
  }

  #showPictures() {
    for (const [index, cell] of this.#cells) {
      const model = this.source.pages.at(index)
      const place = cell.querySelector('.satchel-square')
      const url = model ? this.source.picture(model) : ''
      if (!place || !url || place.querySelector('img')) continue
      const image = element('img', { alt: '', decoding: 'async', draggable: 'false' })
      image.addEventListener('error', () => image.remove())
      image.src = url
      place.append(image)
    }
  }

  /** @param {number} index */
  #activate(index) {
    this.#active = index
    const { columns, rowHeight } = this.#shape
    const top = Math.floor(index / columns) * rowHeight
    const height = this.root.clientHeight
    if (top < this.root.scrollTop) this.root.scrollTop = top
    else if (top + rowHeight > this.root.scrollTop + height) this.root.scrollTop = top + rowHeight - height
    this.draw()
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const { columns, rowHeight } = this.#shape
    const rows = Math.floor(this.root.clientHeight / rowHeight)
    const to = cellAfter(event.key, this.#active, { columns, rows, count: this.#count })
    if (to !== null) this.#activate(to)
    else if (event.key === 'Enter' || event.key === ' ') this.#open(this.#active)
    else return
    event.preventDefault()
    event.stopPropagation()
  }

  /** @param {number} index */
  #open(index) {
    const model = this.source.pages.at(index)
    if (!model) return
    this.#active = index
    this.draw()
    this.source.open(model)
  }

  /** @param {number} index */
  #idOf(index) {
    return `${this.id}-${index}`
  }
}

/** @param {EventTarget | null} target */
function indexOf(target) {
  const cell = target instanceof Element ? target.closest('.satchel-card') : null
  return cell instanceof HTMLElement ? Number(cell.dataset.index) : null
}
