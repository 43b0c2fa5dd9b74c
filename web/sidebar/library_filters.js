/** The library's search field and filters; what they say is one value. */

import { button, element } from '../dialogs/elements.js'
import { kindTitle } from '../lib/plan_view.js'
import { say } from '../lib/strings.js'
import { FacetChoice } from './facet_choice.js'

/** @typedef {import('../types/satchel').LibraryWanted} LibraryWanted */
/** @typedef {import('../types/satchel').LibraryPage} LibraryPage */

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
    const told = () => this.#changedNow()
    this.kind = new FacetChoice(
      { label: say('side.lib.kind'), all: say('side.lib.allKinds'), title: kindTitle }, told,
    ) // prettier-ignore
    this.base = new FacetChoice({ label: say('side.lib.base'), all: say('side.lib.allBases') }, told)
    this.tag = new FacetChoice({ label: say('side.lib.tag'), all: say('side.lib.allTags') }, told)
    this.choices = [this.kind, this.base, this.tag]
    this.sort = element('select', { class: 'satchel-field', 'aria-label': say('side.lib.sort') })
    this.sort.addEventListener('change', told)
    this.sort.replaceChildren(...SORTS.map((sort) => new Option(say(`side.lib.sort.${sort}`), sort)))
    this.updates = this.#toggle(say('side.lib.updates'))
    this.duplicates = this.#toggle(say('side.lib.duplicates'))
    this.clear = button(say('side.lib.clear'), () => this.reset())
    this.root = element(
      'div',
      { class: 'satchel-filters', role: 'search' },
      this.field,
      element('div', { class: 'satchel-selects' }, ...this.choices.map(({ list }) => list), this.sort),
      element(
        'div',
        { class: 'satchel-chips' },
        ...this.choices.map(({ taken }) => taken),
        this.updates,
        this.duplicates,
        this.clear,
      ),
    )
    this.#standing()
  }

  /** @returns {LibraryWanted} */
  get wanted() {
    return {
      query: this.field.value.trim(),
      kinds: this.kind.values,
      base_models: this.base.values,
      tags: this.tag.values,
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
    this.kind.offer(facets.kinds)
    this.base.offer(facets.base_models)
    this.tag.offer(facets.tags)
    this.updates.textContent = updates
      ? say('side.lib.updatesCount', { count: updates })
      : say('side.lib.updates')
    this.#standing()
  }

  /** Shows everything again. */
  reset() {
    this.field.value = ''
    for (const choice of this.choices) choice.set([])
    for (const toggle of [this.updates, this.duplicates]) toggle.setAttribute('aria-pressed', 'false')
    this.#changedNow()
    this.field.focus()
  }

  /** @param {string} tag */
  onlyTag(tag) {
    this.tag.set([tag])
    this.#changedNow()
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
