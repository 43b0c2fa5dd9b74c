/** Choosing a LoRA file: a search field over a list that draws only what is seen of it. */

import { KeptNames, drawn, search, searchable } from '../lib/lora_search.js'
import { shortName } from '../lib/rows.js'
import { say } from '../lib/strings.js'
import { button, element } from './elements.js'
import { Modal } from './modal.js'

/** @typedef {import('../lib/lora_search.js').SearchableName} SearchableName */
/** @typedef {'all' | 'favourites' | 'recent'} Shelf */

const ROW_HEIGHT = 34
const MORE = 6
const PAGE = 10
/** Rows that the list has room for. */
const SEEN = 11
/** @type {Shelf[]} */
const SHELVES = ['all', 'favourites', 'recent']

/**
 * @typedef {object} PickerOptions
 * @property {readonly string[]} names all files, as the host lists them
 * @property {string} current the file that is there now; empty without one
 * @property {boolean} many whether Shift keeps the dialog open for another one
 * @property {(name: string) => void} choose
 * @property {() => void} checkModels looks where a missing file is to be had
 */

/** @param {PickerOptions} options */
export function openLoraPicker(options) {
  return new LoraPicker(options).open()
}

class LoraPicker {
  /** @type {SearchableName[]} */
  #found = []
  #active = 0
  /** @type {Shelf} */
  #shelf = 'all'

  /** @param {PickerOptions} options */
  constructor(options) {
    this.options = options
    this.all = searchable(options.names)
    this.favourites = new KeptNames(localStorage, 'Satchel.FavouriteLoras')
    this.recent = new KeptNames(localStorage, 'Satchel.RecentLoras')
    this.starred = new Set(this.favourites.names())
    this.modal = new Modal(say('picker.title'), () => this.modal.close())
    this.modal.root.classList.add('satchel-picker')
    this.field = element('input', {
      class: 'satchel-field satchel-search',
      type: 'search',
      role: 'combobox',
      placeholder: say('picker.search'),
      autocomplete: 'off',
      spellcheck: 'false',
      'aria-label': say('picker.search'),
      'aria-expanded': 'true',
      'aria-controls': 'satchel-loras',
    })
    this.field.addEventListener('input', () => this.#search())
    this.field.addEventListener('keydown', (event) => this.#key(event))
    this.space = element('div', { role: 'presentation' })
    this.list = element(
      'div',
      { id: 'satchel-loras', class: 'satchel-list', role: 'listbox', 'aria-label': say('picker.list') },
      this.space,
    )
    // The style sheet may still be loading, and without a height all names would be in sight.
    Object.assign(this.list.style, { height: `${SEEN * ROW_HEIGHT}px`, overflowY: 'auto' })
    this.list.addEventListener('scroll', () => this.#draw(), { passive: true })
    this.list.addEventListener('click', (event) => this.#click(event))
    this.chips = SHELVES.map((shelf) => button(say(`picker.${shelf}`), () => this.#open(shelf)))
    this.star = button(say('picker.star'), () => this.#toggleStar(this.#active))
  }

  open() {
    const { current, names } = this.options
    this.modal.body.replaceChildren(
      this.field,
      element('div', { class: 'satchel-chips' }, ...this.chips),
      this.list,
    )
    this.modal.open()
    const choose = button(say('picker.choose'), () => this.#choose(false), 'satchel-main')
    this.modal.showFooter(
      this.star,
      button(say('picker.cancel'), () => this.modal.close()),
      choose,
    )
    this.#open('all')
    const at = this.#found.findIndex(({ name }) => name === current)
    if (at >= 0) this.#activate(at)
    else if (current !== '' && names.length > 0) this.#sayMissing(current)
    this.field.focus()
  }

  /** @param {string} current */
  #sayMissing(current) {
    this.modal.warn(say('picker.missing', { name: current }), [say('picker.missingHint')])
    const check = button(say('picker.check'), () => {
      this.modal.close()
      this.options.checkModels()
    })
    this.modal.alert.append(check)
    this.field.value = ''
  }

  /** @param {Shelf} shelf */
  #open(shelf) {
    this.#shelf = shelf
    this.chips.forEach((chip, at) => {
      chip.setAttribute('aria-pressed', String(SHELVES[at] === shelf))
    })
    this.#search()
  }

  #search() {
    this.#found = search(this.#onShelf(), this.field.value)
    this.space.style.height = `${this.#found.length * ROW_HEIGHT}px`
    this.list.scrollTop = 0
    this.modal.say(this.#standing())
    this.#activate(0)
  }

  #onShelf() {
    if (this.#shelf === 'all') return this.all
    const kept = this.#shelf === 'recent' ? this.recent.names() : [...this.starred]
    const known = new Map(this.all.map((entry) => [entry.name, entry]))
    return kept.flatMap((name) => known.get(name) ?? [])
  }

  #standing() {
    const total = this.all.length
    if (total === 0) return say('picker.empty')
    if (this.#found.length > 0) return say('picker.count', { count: this.#found.length, total })
    if (this.field.value.trim() !== '') return say('picker.none')
    if (this.#shelf === 'all') return say('picker.none')
    return say(this.#shelf === 'recent' ? 'picker.noRecent' : 'picker.noFavourites')
  }

  /** @param {number} index of the entry that Enter chooses */
  #activate(index) {
    this.#active = Math.max(0, Math.min(this.#found.length - 1, index))
    const top = this.#active * ROW_HEIGHT
    const height = this.list.clientHeight
    if (top < this.list.scrollTop) this.list.scrollTop = top
    else if (top + ROW_HEIGHT > this.list.scrollTop + height) {
      this.list.scrollTop = top + ROW_HEIGHT - height
    }
    this.#draw()
  }

  #draw() {
    const { first, last } = drawn({
      count: this.#found.length,
      top: this.list.scrollTop,
      height: this.list.clientHeight,
      rowHeight: ROW_HEIGHT,
      more: MORE,
    })
    const options = this.#found
      .slice(first, last)
      .map((entry, at) => this.#option(entry, first + at))
    this.space.replaceChildren(...options)
    const entry = this.#found[this.#active]
    if (entry) this.field.setAttribute('aria-activedescendant', optionId(this.#active))
    else this.field.removeAttribute('aria-activedescendant')
    this.star.disabled = entry === undefined
    const starred = entry !== undefined && this.starred.has(entry.name)
    this.star.textContent = say(starred ? 'picker.unstar' : 'picker.star')
  }

  /**
   * @param {SearchableName} entry
   * @param {number} index
   */
  #option({ name, folder, file }, index) {
    const filled = this.starred.has(name) ? 'pi-star-fill' : 'pi-star'
    const option = element(
      'div',
      {
        id: optionId(index),
        class: 'satchel-option',
        role: 'option',
        title: name,
        'aria-selected': String(index === this.#active),
        'aria-posinset': String(index + 1),
        'aria-setsize': String(this.#found.length),
        'data-index': String(index),
      },
      element('span', {}, element('span', { class: 'satchel-folder' }, folder), file),
      element('i', { class: `pi ${filled} satchel-star`, 'aria-hidden': 'true' }),
    )
    option.style.top = `${index * ROW_HEIGHT}px`
    return option
  }

  /** @param {MouseEvent} event */
  #click(event) {
    const target = event.target instanceof Element ? event.target : null
    const option = target?.closest('.satchel-option')
    if (!(option instanceof HTMLElement)) return
    const index = Number(option.dataset.index)
    if (target?.classList.contains('satchel-star')) return this.#toggleStar(index)
    this.#active = index
    this.#choose(event.shiftKey)
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: PAGE, PageUp: -PAGE }[event.key]
    if (steps !== undefined) this.#activate(this.#active + steps)
    else if (event.key === 'Enter') this.#choose(event.shiftKey)
    else return
    event.preventDefault()
  }

  /** @param {number} index */
  #toggleStar(index) {
    const entry = this.#found[index]
    if (!entry) return
    this.favourites.toggle(entry.name)
    this.starred = new Set(this.favourites.names())
    this.#draw()
  }

  /** @param {boolean} shift */
  #choose(shift) {
    const stay = shift && this.options.many
    const entry = this.#found[this.#active]
    if (!entry) return
    this.recent.use(entry.name)
    if (!stay) this.modal.close()
    this.options.choose(entry.name)
    if (!stay) return
    this.modal.say(say('picker.added', { name: shortName(entry.name) }))
    this.#draw()
  }
}

/** @param {number} index */
function optionId(index) {
  return `satchel-lora-${index}`
}
