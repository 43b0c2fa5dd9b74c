/** The library's search field and filters; what they say is one value. */

import { button, element } from '../dialogs/elements.js'
import { kindTitle } from '../lib/plan_view.js'
import { say } from '../lib/strings.js'

/** @typedef {import('../types/satchel').LibraryWanted} LibraryWanted */
/** @typedef {import('../types/satchel').LibraryPage} LibraryPage */
/** @typedef {{value: string, count: number}} Facet */

const PAUSE_MS = 180
const SORTS = /** @type {const} */ (['relevance', 'name', 'newest', 'size'])

export class LibraryFilters {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer

  /**
   * @param {() => void} changed
   * @param {() => void} leave goes on to the list
   */
  constructor(changed, leave) {
    this.changed = changed
    this.field = element('input', {
      class: 'satchel-field satchel-search', type: 'search', placeholder: say('side.lib.search'),
      autocomplete: 'off', spellcheck: 'false', 'aria-label': say('side.lib.search'),
    })
    this.field.addEventListener('input', () => this.#soon())
    this.field.addEventListener('keydown', (event) => {
      if (event.key !== 'ArrowDown') return
      event.preventDefault()
      leave()
    })
    this.kind = this.#select(say('side.lib.kind'))
    this.base = this.#select(say('side.lib.base'))
    this.tag = this.#select(say('side.lib.tag'))
    this.sort = this.#select(say('side.lib.sort'))
    this.sort.replaceChildren(...SORTS.map((sort) => new Option(say(`side.lib.sort.${sort}`), sort)))
    this.updates = this.#toggle(say('side.lib.updates'))
    this.duplicates = this.#toggle(say('side.lib.duplicates'))
    this.clear = button(say('side.lib.clear'), () => this.reset())
    this.root = element(
      'div',
      { class: 'satchel-filters', role: 'search' },
      this.field,
      element('div', { class: 'satchel-selects' }, this.kind, this.base, this.tag, this.sort),
      element('div', { class: 'satchel-chips' }, this.updates, this.duplicates, this.clear),
    )
    this.#standing()
  }

  /** @returns {LibraryWanted} */
  get wanted() {
    const one = (/** @type {HTMLSelectElement} */ select) => (select.value ? [select.value] : [])
    return {
      query: this.field.value.trim(),
      kinds: one(this.kind),
      base_models: one(this.base),
      tags: one(this.tag),
      updates: isPressed(this.updates),
      duplicates: isPressed(this.duplicates),
      sort: /** @type {LibraryWanted['sort']} */ (this.sort.value),
    }
  }

  /**
   * Offers what there is, with how many; what is chosen stays.
   *
   * @param {LibraryPage} page
   */
  offer({ facets, updates }) {
    fill(this.kind, say('side.lib.allKinds'), facets.kinds, kindTitle)
    fill(this.base, say('side.lib.allBases'), facets.base_models)
    fill(this.tag, say('side.lib.allTags'), facets.tags)
    this.updates.textContent = updates
      ? say('side.lib.updatesCount', { count: updates })
      : say('side.lib.updates')
    this.#standing()
  }

  /** Shows everything again. */
  reset() {
    this.field.value = ''
    for (const select of [this.kind, this.base, this.tag]) select.value = ''
    for (const toggle of [this.updates, this.duplicates]) toggle.setAttribute('aria-pressed', 'false')
    this.#changedNow()
    this.field.focus()
  }

  /** @param {string} tag */
  onlyTag(tag) {
    if (![...this.tag.options].some(({ value }) => value === tag)) this.tag.append(new Option(tag, tag))
    this.tag.value = tag
    this.#changedNow()
  }

  /** @param {string} label */
  #select(label) {
    const made = element('select', { class: 'satchel-field', 'aria-label': label })
    made.addEventListener('change', () => this.#changedNow())
    return made
  }

  /** @param {string} label */
  #toggle(label) {
    const made = button(label, () => {
      made.setAttribute('aria-pressed', String(!isPressed(made)))
      this.#changedNow()
    })
    made.setAttribute('aria-pressed', 'false')
    return made
  }

  #soon() {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#changedNow(), PAUSE_MS)
  }

  #changedNow() {
    clearTimeout(this.#timer)
    this.#standing()
    this.changed()
  }

  #standing() {
    const { query, kinds, base_models: bases, tags, updates, duplicates } = this.wanted
    const restricts = query !== '' || [kinds, bases, tags].some((list) => list.length) || updates || duplicates
    this.clear.hidden = !restricts
    this.sort.disabled = duplicates // copies stand side by side
  }
}

/** @param {HTMLElement} toggle */
function isPressed(toggle) {
  return toggle.getAttribute('aria-pressed') === 'true'
}

/**
 * @param {HTMLSelectElement} select
 * @param {string} all
 * @param {Facet[]} facets
 * @param {(value: string) => string} title
 */
function fill(select, all, facets, title = (value) => value) {
  const chosen = select.value
  const known = facets.some(({ value }) => value === chosen)
  const offered = known || chosen === '' ? facets : [...facets, { value: chosen, count: 0 }]
  const options = offered.map(
    ({ value, count }) => new Option(say('side.lib.option', { title: title(value), count }), value),
  )
  select.replaceChildren(new Option(all, ''), ...options)
  select.value = chosen
  select.hidden = offered.length === 0
}
