/** The picker's choice of a base model: what the LoRAs that are here are for. */

import { filterOptions } from '../lib/lora_facts.js'
import { say } from '../lib/strings.js'
import { element } from './elements.js'

/** @typedef {import('../lib/lora_facts.js').FilterOption} FilterOption */
/** @typedef {import('../lib/lora_facts.js').LoraFacts} LoraFacts */

export class BaseFilter {
  /** @param {() => void} changed called when somebody has chosen another one */
  constructor(changed) {
    this.root = element('select', { class: 'satchel-field', 'aria-label': say('picker.base') })
    this.root.addEventListener('change', changed)
  }

  /** Empty, `family:ID`, or `base:NAME`. */
  get value() {
    return this.root.value
  }

  set value(value) {
    this.root.value = value
    if (this.root.selectedIndex < 0) this.root.value = ''
  }

  /**
   * Offers what is known by now; what was chosen stays.
   *
   * @param {readonly string[]} names of all LoRAs
   * @param {LoraFacts} facts
   * @param {string} own the family of the connected model; empty if unknown
   */
  fill(names, facts, own) {
    const chosen = this.value
    const { families, bases } = filterOptions(names, facts)
    if (own !== '' && !families.some(({ value }) => value === `family:${own}`)) {
      families.push({ value: `family:${own}`, title: facts.titles[own] ?? own, count: 0 })
    }
    const groups = [
      optionGroup(say('picker.architectures'), families),
      optionGroup(say('picker.bases'), bases),
    ].filter((group) => group.childElementCount > 0)
    this.root.replaceChildren(new Option(say('picker.anyBase'), ''), ...groups)
    this.root.hidden = groups.length === 0
    this.value = chosen
  }
}

/**
 * @param {string} label
 * @param {FilterOption[]} options
 */
function optionGroup(label, options) {
  const made = options.map(
    ({ value, title, count }) => new Option(say('picker.option', { title, count }), value),
  )
  return element('optgroup', { label }, ...made)
}
