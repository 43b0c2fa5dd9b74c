/** The choice of what an export is saved as, with what belongs to each form. */

import { formatBytes } from '../lib/bytes.js'
import { FORMATS, modelBytes } from '../lib/export_view.js'
import { say } from '../lib/strings.js'
import { button, element } from './elements.js'

/** @typedef {import('../lib/export_view.js').ExportFormat} ExportFormat */

export class FormatChoice {
  /**
   * @param {ExportFormat} format chosen at first
   * @param {(format: ExportFormat) => void} remember who exports again wants the same form again
   */
  constructor(format, remember) {
    this.format = format
    this.remember = remember
    /** @type {File | null} */
    this.picture = null
    this.withModels = false
    this.more = element('div', { class: 'satchel-format-more' })
    this.fields = element('div', { class: 'satchel-formats' })
    const legend = element('legend', {}, say('export.format'))
    this.root = element('fieldset', { class: 'satchel-choice' }, legend, this.fields, this.more)
    this.bytes = 0
  }

  /**
   * Offers the formats that are possible for what is to be saved.
   *
   * @param {import('../types/satchel').ExportResult} result
   */
  offer(result) {
    this.bytes = modelBytes(result)
    if (!result.prompt && this.format === 'api') this.format = 'json'
    this.fields.replaceChildren(
      ...FORMATS.map((format) => this.#option(format, format !== 'api' || result.prompt !== null)),
    )
    this.#showMore()
  }

  /**
   * @param {ExportFormat} format
   * @param {boolean} possible
   */
  #option(format, possible) {
    const input = element('input', { type: 'radio', name: 'satchel-format', value: format })
    input.checked = format === this.format
    input.disabled = !possible
    input.addEventListener('change', () => {
      this.format = format
      this.remember(format)
      this.#showMore()
    })
    const title = say(`export.format.${format}`)
    const hint = possible ? say(`export.format.${format}.hint`) : say('export.noApi')
    return element(
      'label',
      { class: 'satchel-format', title: hint },
      input,
      element('span', { class: 'satchel-name' }, title),
    )
  }

  #showMore() {
    const hint = element('span', { class: 'satchel-kind' }, say(`export.format.${this.format}.hint`))
    const isPicture = this.format === 'png' || this.format === 'webp'
    const withModels = this.format === 'zip' && this.bytes > 0
    this.more.replaceChildren(
      hint,
      ...(isPicture ? this.#pictureFields() : []),
      ...(withModels ? [this.#modelsField()] : []),
    )
  }

  #modelsField() {
    const input = element('input', { type: 'checkbox' })
    input.checked = this.withModels
    input.addEventListener('change', () => (this.withModels = input.checked))
    const text = say('export.withModels', { bytes: formatBytes(this.bytes) })
    return element('label', { class: 'satchel-check' }, input, element('span', {}, text))
  }

  #pictureFields() {
    const file = element('input', { type: 'file', accept: 'image/*', hidden: '' })
    file.setAttribute('aria-label', say('export.picture.choose'))
    file.addEventListener('change', () => {
      this.picture = file.files?.[0] ?? this.picture
      this.#showAgain()
    })
    const name = this.picture?.name ?? say('export.picture.graph')
    const choose = button(say('export.picture.choose'), () => file.click())
    const children = [
      element('span', { class: 'satchel-picture-name' }, `${say('export.picture')}: ${name}`),
      choose,
      file,
    ]
    if (this.picture) {
      const graph = button(say('export.picture.graph'), () => {
        this.picture = null
        this.#showAgain()
      })
      children.splice(2, 0, graph)
    }
    return children
  }

  /** Buttons that are made anew keep the focus. */
  #showAgain() {
    this.#showMore()
    this.more.querySelector('button')?.focus()
  }
}
