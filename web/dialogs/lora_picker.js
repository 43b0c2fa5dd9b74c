/** Choosing a LoRA file: a search field over a list that draws only what is seen of it. */

import { sharedFacts, shows } from '../lib/lora_facts.js'
import { KeptNames, drawn, search, searchable } from '../lib/lora_search.js'
import { shortName } from '../lib/rows.js'
import { say } from '../lib/strings.js'
import { BaseFilter } from './base_filter.js'
import { button, element } from './elements.js'
import { errorLines } from './error_lines.js'
import { loraDetails, loraRow, showThumb } from './lora_row.js'
import { Modal } from './modal.js'

/** @typedef {import('../lib/lora_search.js').SearchableName} SearchableName */
/** @typedef {import('../lib/lora_facts.js').ModelFile} ModelFile */
/** @typedef {import('../api.js').SatchelApi} SatchelApi */
/** @typedef {'all' | 'favourites' | 'recent'} Shelf */

const KIND = 'loras'
const ROW_HEIGHT = 50
const MORE = 6
const PAGE = 7
/** Rows that the list has room for. */
const SEEN = 8
/** So that running through the list does not ask for every picture on the way. */
const PICTURE_PAUSE_MS = 80
/** @type {Shelf[]} */
const SHELVES = ['all', 'favourites', 'recent']

/**
 * @typedef {object} PickerOptions
 * @property {readonly string[]} names all files, as the host lists them
 * @property {string} current the file that is there now; empty without one
 * @property {boolean} many whether Shift keeps the dialog open for another one
 * @property {(name: string) => void} choose
 * @property {() => void} checkModels looks where a missing file is to be had
 * @property {SatchelApi} [satchel] for base models, trigger words and pictures
 * @property {ModelFile | null} [model] the connected one, which sets the base-model filter
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
  /** How many names the base-model filter hides. */
  #hidden = 0
  /** Whether somebody has moved in the list or chosen a filter: then it stays as it is. */
  #touched = false
  /** Rows that are drawn, by name. @type {Map<string, HTMLElement>} */
  #rows = new Map()
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #pictureTimer
  #factsProblem = ''

  /** @param {PickerOptions} options */
  constructor(options) {
    this.options = options
    this.all = searchable(options.names)
    this.facts = sharedFacts(options.satchel)
    this.favourites = new KeptNames(localStorage, 'Satchel.FavouriteLoras')
    this.recent = new KeptNames(localStorage, 'Satchel.RecentLoras')
    this.starred = new Set(this.favourites.names())
    this.modal = new Modal(say('picker.title'), () => this.modal.close())
    this.modal.root.classList.add('satchel-picker')
    this.field = searchField()
    this.field.addEventListener('input', () => this.#search())
    this.field.addEventListener('keydown', (event) => this.#key(event))
    this.base = new BaseFilter(() => {
      this.#touched = true
      this.#search()
    })
    this.space = element('div', { role: 'presentation' })
    this.list = this.#list()
    this.details = element('aside', { class: 'satchel-details', 'aria-label': say('picker.details') })
    this.chips = SHELVES.map((shelf) => button(say(`picker.${shelf}`), () => this.#open(shelf)))
    this.star = button(say('picker.star'), () => this.#toggleStar(this.#active))
    this.showAll = button(say('picker.showAll'), () => this.#filter(''))
  }

  open() {
    this.modal.body.replaceChildren(
      element('div', { class: 'satchel-find' }, this.field, this.base.root),
      element('div', { class: 'satchel-chips' }, ...this.chips, this.showAll),
      element('div', { class: 'satchel-columns' }, this.list, this.details),
    )
    this.modal.open()
    const choose = button(say('picker.choose'), () => this.#choose(false), 'satchel-main')
    this.modal.showFooter(
      this.star,
      button(say('picker.cancel'), () => this.modal.close()),
      choose,
    )
    this.#fillFilter()
    this.#openAtCurrent()
    this.field.focus()
    void this.#learn()
  }

  #list() {
    const list = element(
      'div',
      { id: 'satchel-loras', class: 'satchel-list', role: 'listbox', 'aria-label': say('picker.list') },
      this.space,
    )
    // The style sheet may still be loading, and without a height all names would be in sight.
    Object.assign(list.style, { height: `${SEEN * ROW_HEIGHT}px`, overflowY: 'auto' })
    list.addEventListener('scroll', () => this.#draw(), { passive: true })
    list.addEventListener('click', (event) => this.#click(event))
    list.addEventListener('pointerover', (event) => {
      const index = indexOf(event.target)
      if (index !== null) this.#showDetails(index)
    })
    list.addEventListener('pointerleave', () => this.#showDetails(this.#active))
    return list
  }

  #openAtCurrent() {
    const { current, names } = this.options
    this.#open('all')
    const at = this.#found.findIndex(({ name }) => name === current)
    if (at >= 0) this.#activate(at)
    else if (current !== '' && names.length > 0 && !names.includes(current)) this.#sayMissing(current)
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

  /** Gets what is known of the files; the names are on the screen already. */
  async #learn() {
    try {
      await this.facts.follow(this.options.model ?? null, () => {
        if (!this.modal.root.isConnected) return false
        this.#factsCame()
        return true
      })
    } catch (error) {
      // The names alone are enough to choose one.
      this.#factsProblem = errorLines(error).message
      this.modal.say(this.#standing())
    }
  }

  #factsCame() {
    const active = this.#found[this.#active]?.name
    const top = this.list.scrollTop
    this.#rows.clear()
    this.#fillFilter()
    this.#search()
    const at = this.#found.findIndex(({ name }) => name === active)
    if (at < 0) return
    this.list.scrollTop = top
    this.#activate(at)
  }

  #fillFilter() {
    const own = this.facts.familyOf(this.options.model ?? null)
    this.base.fill(this.options.names, this.facts, own)
    if (own !== '' && !this.#touched) this.base.value = `family:${own}`
  }

  /** @param {string} filter */
  #filter(filter) {
    this.#touched = true
    this.base.value = filter
    this.#search()
    this.field.focus()
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
    const filter = this.base.value
    const found = search(this.#onShelf(), this.field.value, (name) => this.#known(name))
    this.#found = filter ? found.filter(({ name }) => shows(this.facts.of(name), filter)) : found
    this.#hidden = found.length - this.#found.length
    this.space.style.height = `${this.#found.length * ROW_HEIGHT}px`
    this.list.scrollTop = 0
    this.showAll.hidden = this.#hidden === 0
    this.modal.say(this.#standing())
    this.#activate(0)
  }

  /** @param {string} name */
  #known(name) {
    const { base, words } = this.facts.of(name)
    return `${base} ${words.join(' ')}`.toLowerCase()
  }

  #onShelf() {
    if (this.#shelf === 'all') return this.all
    const kept = this.#shelf === 'recent' ? this.recent.names() : [...this.starred]
    const known = new Map(this.all.map((entry) => [entry.name, entry]))
    return kept.flatMap((name) => known.get(name) ?? [])
  }

  #standing() {
    const standing = this.#count()
    if (this.#factsProblem) {
      return `${standing} ${say('picker.factsFailed', { reason: this.#factsProblem })}`
    }
    return this.facts.reading ? `${standing} ${say('picker.reading')}` : standing
  }

  #count() {
    const total = this.all.length
    const count = this.#found.length
    if (total === 0) return say('picker.empty')
    if (this.#hidden > 0 && count === 0) return say('picker.noneOfBase')
    if (this.#hidden > 0) return say('picker.hidden', { count, total, hidden: this.#hidden })
    if (count > 0) return say('picker.count', { count, total })
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
    this.#showDetails(this.#active)
  }

  #draw() {
    const { first, last } = drawn({
      count: this.#found.length,
      top: this.list.scrollTop,
      height: this.list.clientHeight,
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
    const entry = this.#found[this.#active]
    if (entry) this.field.setAttribute('aria-activedescendant', optionId(this.#active))
    else this.field.removeAttribute('aria-activedescendant')
    this.star.disabled = entry === undefined
    const starred = entry !== undefined && this.starred.has(entry.name)
    this.star.textContent = say(starred ? 'picker.unstar' : 'picker.star')
    clearTimeout(this.#pictureTimer)
    this.#pictureTimer = setTimeout(() => this.#showPictures(), PICTURE_PAUSE_MS)
  }

  /**
   * @param {SearchableName} entry
   * @param {number} index
   */
  #row(entry, index) {
    const row = this.#rows.get(entry.name) ?? loraRow(entry, this.facts.of(entry.name))
    row.id = optionId(index)
    row.dataset.index = String(index)
    row.style.top = `${index * ROW_HEIGHT}px`
    row.setAttribute('aria-selected', String(index === this.#active))
    row.setAttribute('aria-posinset', String(index + 1))
    row.setAttribute('aria-setsize', String(this.#found.length))
    const star = row.querySelector('.satchel-star')
    star?.classList.toggle('pi-star-fill', this.starred.has(entry.name))
    star?.classList.toggle('pi-star', !this.starred.has(entry.name))
    return row
  }

  #showPictures() {
    for (const [name, row] of this.#rows) {
      const url = this.#pictureOf(name, 'small')
      if (url) showThumb(row, url)
    }
  }

  /**
   * @param {string} name
   * @param {'small' | 'large'} size
   */
  #pictureOf(name, size) {
    const card = this.facts.of(name)
    if (card.preview === 0 || !this.options.satchel) return ''
    return this.options.satchel.previewUrl(KIND, card.name, card.preview, size)
  }

  /** @param {number} index */
  #showDetails(index) {
    const entry = this.#found[index]
    const card = entry ? this.facts.of(entry.name) : null
    const shown = entry && card ? `${entry.name} ${card.preview} ${card.base} ${card.words}` : ''
    if (this.details.dataset.shown === shown) return
    this.details.dataset.shown = shown
    const parts = entry && card ? loraDetails(entry, card, this.#pictureOf(entry.name, 'large')) : []
    this.details.replaceChildren(...parts)
  }

  /** @param {MouseEvent} event */
  #click(event) {
    const index = indexOf(event.target)
    if (index === null) return
    const star = event.target instanceof Element && event.target.classList.contains('satchel-star')
    if (star) return this.#toggleStar(index)
    this.#active = index
    this.#choose(event.shiftKey)
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: PAGE, PageUp: -PAGE }[event.key]
    if (steps !== undefined) {
      this.#touched = true
      this.#activate(this.#active + steps)
    } else if (event.key === 'Enter') this.#choose(event.shiftKey)
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

function searchField() {
  return element('input', {
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
