/** How much of the line the server's queue may take: four fields under a fold. */

import { element } from '../dialogs/elements.js'
import { limitsFrom } from '../lib/side_view.js'
import { say } from '../lib/strings.js'

/** @typedef {import('../types/satchel').QueueLimits} QueueLimits */

const COUNTS = /** @type {const} */ ([
  ['total', 32],
  ['per_host', 32],
  ['connections', 16],
])

export class QueueLimitFields {
  /** @param {(limits: QueueLimits) => void} changed */
  constructor(changed) {
    this.changed = changed
    this.speed = this.#field('bytes_per_s', { min: '0', step: 'any', placeholder: say('side.noLimit') })
    this.counts = COUNTS.map(([name, most]) => ({
      name,
      field: this.#field(name, { min: '1', max: String(most), step: '1', required: '' }),
    }))
    this.fields = [{ name: /** @type {const} */ ('bytes_per_s'), field: this.speed }, ...this.counts]
    const labels = this.fields.map(({ name, field }) =>
      element('label', { class: 'satchel-side-limit' }, element('span', {}, say(`side.limit.${name}`)), field),
    )
    this.element = element(
      'details',
      { class: 'satchel-side-limits' },
      element('summary', {}, say('side.limits')),
      ...labels,
    )
  }

  /**
   * Shows what holds on the server; a field that somebody types into is left alone.
   *
   * @param {QueueLimits} limits
   */
  update(limits) {
    const texts = { ...limits, bytes_per_s: limits.bytes_per_s === null ? '' : limits.bytes_per_s / 1e6 }
    for (const { name, field } of this.fields) {
      if (document.activeElement !== field) field.value = String(texts[name])
    }
  }

  /**
   * @param {string} name
   * @param {Record<string, string>} attributes
   */
  #field(name, attributes) {
    const field = element('input', { class: 'satchel-field', type: 'number', name, ...attributes })
    field.addEventListener('change', () => {
      if (!this.fields.every((each) => each.field.reportValidity())) return
      const texts = Object.fromEntries(this.fields.map((each) => [each.name, each.field.value]))
      this.changed(limitsFrom(texts))
    })
    return field
  }
}
