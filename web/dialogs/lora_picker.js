/** Choosing a LoRA file: a search field and filters over a list, and what is known of one. */

import { sharedFacts, shows } from '../lib/lora_facts.js'
import { KeptNames, search, searchable } from '../lib/lora_search.js'
import { shortName } from '../lib/rows.js'
import { say } from '../lib/strings.js'
import { BaseFilter } from './base_filter.js'
import { button, element } from './elements.js'
import { errorLines } from './error_lines.js'
import { LIST_ID, LoraOptions } from './lora_options.js'
import { loraDetails } from './lora_row.js'
import { Modal } from './modal.js'

/** @typedef {import('../lib/lora_search.js').SearchableName} SearchableName */
/** @typedef {import('../lib/lora_facts.js').ModelFile} ModelFile */
/** @typedef {import('../api.js').SatchelApi} SatchelApi */
/** @typedef {'all' | 'favourites' | 'recent'} Shelf */

const KIND = 'loras'
const PAGE = 7
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
  /** How many names are listed. */
  #count = 0
  /** @type {Shelf} */
  #shelf = 'all'
  /** How many names the base-model filter hides. */
  #hidden = 0
  /** Whether somebody has moved in the list or chosen a filter: then it stays as it is. */
  #touched = false
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
    this.list = new LoraOptions({
      cardOf: (name) => this.facts.of(name),
      isStarred: (name) => this.starred.has(name),
      pictureOf: (name) => this.#pictureOf(name, 'small'),
      drawn: () => this.#drawn(),
      look: (entry) => this.#showDetails(entry),
      choose: (shift) => this.#choose(shift),
      star: (entry) => this.#toggleStar(entry),
    })
    this.details = element('aside', { class: 'satchel-details', 'aria-label': say('picker.details') })
    this.chips = SHELVES.map((shelf) => button(say(`picker.${shelf}`), () => this.#open(shelf)))
    this.star = button(say('picker.star'), () => this.#toggleStar(this.list.active))
    this.showAll = button(say('picker.showAll'), () => this.#filter(''))
  }

  open() {
    this.modal.body.replaceChildren(
      element('div', { class: 'satchel-find' }, this.field, this.base.root),
      element('div', { class: 'satchel-chips' }, ...this.chips, this.showAll),
      element('div', { class: 'satchel-columns' }, this.list.root, this.details),
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

  #openAtCurrent() {
    const { current, names } = this.options
    this.#open('all')
    if (this.list.has(current)) this.list.activateName(current)
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
    this.list.renew(() => {
      this.#fillFilter()
      this.#search()
    })
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
    const shown = filter ? found.filter(({ name }) => shows(this.facts.of(name), filter)) : found
    this.#count = shown.length
    this.#hidden = found.length - shown.length
    this.showAll.hidden = this.#hidden === 0
    this.modal.say(this.#standing())
    this.list.show(shown)
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
    const standing = this.#counted()
    if (this.#factsProblem) {
      return `${standing} ${say('picker.factsFailed', { reason: this.#factsProblem })}`
    }
    return this.facts.reading ? `${standing} ${say('picker.reading')}` : standing
  }

  #counted() {
    const total = this.all.length
    const count = this.#count
    if (total === 0) return say('picker.empty')
    if (this.#hidden > 0 && count === 0) return say('picker.noneOfBase')
    if (this.#hidden > 0) return say('picker.hidden', { count, total, hidden: this.#hidden })
    if (count > 0) return say('picker.count', { count, total })
    if (this.field.value.trim() !== '') return say('picker.none')
    if (this.#shelf === 'all') return say('picker.none')
    return say(this.#shelf === 'recent' ? 'picker.noRecent' : 'picker.noFavourites')
  }

  #drawn() {
    const entry = this.list.active
    if (entry) this.field.setAttribute('aria-activedescendant', this.list.activeId)
    else this.field.removeAttribute('aria-activedescendant')
    this.star.disabled = entry === undefined
    const starred = entry !== undefined && this.starred.has(entry.name)
    this.star.textContent = say(starred ? 'picker.unstar' : 'picker.star')
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

  /** @param {SearchableName | undefined} entry */
  #showDetails(entry) {
    const card = entry ? this.facts.of(entry.name) : null
    const shown = entry && card ? `${entry.name} ${card.preview} ${card.base} ${card.words}` : ''
    if (this.details.dataset.shown === shown) return
    this.details.dataset.shown = shown
    const parts = entry && card ? loraDetails(entry, card, this.#pictureOf(entry.name, 'large')) : []
    this.details.replaceChildren(...parts)
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.isComposing) return // Enter ends a word that is being put together
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: PAGE, PageUp: -PAGE }[event.key]
    if (steps !== undefined) {
      this.#touched = true
      this.list.move(steps)
    } else if (event.key === 'Enter') this.#choose(event.shiftKey)
    else return
    event.preventDefault()
  }

  /** @param {SearchableName | undefined} entry */
  #toggleStar(entry) {
    if (!entry) return
    this.favourites.toggle(entry.name)
    this.starred = new Set(this.favourites.names())
    this.list.draw()
  }

  /** @param {boolean} shift */
  #choose(shift) {
    const stay = shift && this.options.many
    const entry = this.list.active
    if (!entry) return
    this.recent.use(entry.name)
    if (!stay) this.modal.close()
    this.options.choose(entry.name)
    if (!stay) return
    this.modal.say(say('picker.added', { name: shortName(entry.name) }))
    this.list.draw()
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
    'aria-controls': LIST_ID,
  })
}
