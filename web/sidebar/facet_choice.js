/** A filter that takes several values: a list to choose from, and a button that takes each away again. */

import { button, element } from '../dialogs/elements.js'
import { say } from '../lib/strings.js'

/** @typedef {{value: string, count: number}} Facet */

export class FacetChoice {
  /** @type {Set<string>} */
  #chosen = new Set()
  /** @type {Facet[]} */
  #facets = []

  /**
   * @param {object} words
   * @param {string} words.label
   * @param {string} words.all what the list says while nothing is chosen
   * @param {(value: string) => string} [words.title]
   * @param {() => void} changed
   */
  constructor({ label, all, title = (value) => value }, changed) {
    this.label = label
    this.all = all
    this.title = title
    this.changed = changed
    this.list = element('select', { class: 'satchel-field', 'aria-label': label })
    this.list.addEventListener('change', () => this.#choose())
    this.taken = element('span', { class: 'satchel-taken' })
  }

  /** What is chosen, in the order of choosing. */
  get values() {
    return [...this.#chosen]
  }

  /**
   * Offers what there is, with how many; what is chosen stays.
   *
   * @param {Facet[]} facets
   */
  offer(facets) {
    this.#facets = facets
    this.#draw()
  }

  /** @param {string[]} values chosen from now on, without telling anybody */
  set(values) {
    this.#chosen = new Set(values)
    this.#draw()
  }

  #choose() {
    if (this.list.value) this.#chosen.add(this.list.value)
    this.#draw()
    this.changed()
  }

  /** @param {string} value */
  #drop(value) {
    this.#chosen.delete(value)
    this.#draw()
    this.list.hidden = false
    this.list.focus()
    this.changed()
  }

  #draw() {
    const offered = this.#facets.filter(({ value }) => !this.#chosen.has(value))
    const options = offered.map(
      ({ value, count }) => new Option(say('side.lib.option', { title: this.title(value), count }), value),
    )
    const first = this.#chosen.size > 0 ? say('side.lib.more', { label: this.label }) : this.all
    this.list.replaceChildren(new Option(first, ''), ...options)
    this.list.value = ''
    this.list.hidden = offered.length === 0
    this.taken.replaceChildren(...this.values.map((value) => this.#chip(value)))
  }

  /** @param {string} value */
  #chip(value) {
    const chip = button(this.title(value), () => this.#drop(value), 'satchel-taken-value')
    chip.append(element('i', { class: 'pi pi-times', 'aria-hidden': 'true' }))
    const what = say('side.lib.drop', { label: this.label, value: this.title(value) })
    chip.setAttribute('aria-label', what)
    chip.title = what
    return chip
  }
}
