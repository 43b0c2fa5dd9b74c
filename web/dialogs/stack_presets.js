/** Rows of a LoRA Stack under a name: saved on the server, loaded, deleted, shared as a file. */

import { safeName } from '../lib/documents.js'
import { MAX_FILE_BYTES, rowsHere, savedRows, summary } from '../lib/stack_presets.js'
import { say } from '../lib/strings.js'
import { appendRows, readRows, rearrangeRows } from '../widgets/lora_rows.js'
import { markStepSoon } from '../widgets/undo.js'
import { button, element, labelled } from './elements.js'
import { errorLines } from './error_lines.js'
import { Modal } from './modal.js'
import { saveJson } from './save_file.js'

/** @typedef {import('../types/comfy').ComfyApp} ComfyApp */
/** @typedef {import('../types/comfy').Node} Node */
/** @typedef {import('../types/satchel').StackPreset} StackPreset */
/** @typedef {import('../types/satchel').StackPresets} StackPresets */

/**
 * @param {Node} node a LoRA Stack
 * @param {ComfyApp} app
 * @param {import('../api.js').SatchelApi} satchel
 * @param {string[]} names the shared list of LoRA files
 */
export function openStackPresets(node, app, satchel, names) {
  return new StackPresetsDialog(node, app, satchel, names).open()
}

class StackPresetsDialog {
  /** @type {StackPreset[]} */
  #presets = []

  /**
   * @param {Node} node
   * @param {ComfyApp} app
   * @param {import('../api.js').SatchelApi} satchel
   * @param {string[]} names
   */
  constructor(node, app, satchel, names) {
    this.node = node
    this.app = app
    this.satchel = satchel
    this.names = names
    this.modal = new Modal(say('presets.open'), () => this.modal.close())
    this.name = element('input', {
      class: 'satchel-field satchel-preset-name',
      maxlength: '100',
      autocomplete: 'off',
      spellcheck: 'false',
    })
    this.name.addEventListener('input', () => this.#named())
    this.name.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && !event.isComposing && !this.save.disabled) void this.#save()
    })
    this.save = button(say('presets.save'), () => void this.#save(), 'satchel-main')
    this.note = element('p', { class: 'satchel-help', role: 'status' })
    this.list = element('ul', { class: 'satchel-presets', 'aria-label': say('presets.list') })
    this.file = element('input', { type: 'file', accept: '.json,application/json', hidden: '' })
    this.file.addEventListener('change', () => void this.#import())
  }

  async open() {
    this.modal.body.replaceChildren(
      element(
        'div',
        { class: 'satchel-tools satchel-preset-save' },
        labelled(say('presets.name'), this.name),
        this.save,
      ),
      this.note,
      this.list,
      this.file,
    )
    this.modal.open()
    this.modal.showFooter(
      button(say('presets.import'), () => this.file.click()),
      button(say('presets.close'), () => this.modal.close()),
    )
    this.#named()
    this.name.focus()
    await this.#act(() => this.satchel.stackPresets())
  }

  #rows() {
    return savedRows(readRows(this.node))
  }

  /** The button says what saving under this name does. */
  #named() {
    const name = this.name.value.trim()
    const isTaken = this.#presets.some((preset) => preset.name === name)
    const hasRows = this.#rows().length > 0
    this.name.disabled = !hasRows
    this.save.disabled = name === '' || !hasRows
    this.save.textContent = say(isTaken ? 'presets.replace' : 'presets.save')
    if (!hasRows) this.note.textContent = say('presets.noRows')
    else this.note.textContent = isTaken ? say('presets.taken') : ''
  }

  async #save() {
    const name = this.name.value.trim()
    const replace = this.#presets.some((preset) => preset.name === name)
    const body = { name, rows: this.#rows(), replace }
    const done = await this.#act(() => this.satchel.changeStackPresets('save', body))
    if (!done) return
    this.name.value = ''
    this.#named()
    this.modal.say(say('presets.saved', { name }))
  }

  /** @param {StackPreset} preset */
  async #delete(preset) {
    const { name, rows } = preset
    const done = await this.#act(() => this.satchel.changeStackPresets('delete', { name }))
    if (!done) return
    const undo = button(say('presets.undo'), () => {
      void this.#act(() => this.satchel.changeStackPresets('save', { name, rows }))
    })
    this.modal.say(say('presets.deleted', { name }))
    this.modal.status.append(' ', undo)
    undo.focus()
  }

  /** @param {StackPreset} preset */
  async #share({ name }) {
    try {
      const file = await this.satchel.changeStackPresets('share', { name })
      saveJson(`${safeName(name) || 'preset'}.stack.json`, file)
    } catch (error) {
      this.#warn(error)
    }
  }

  async #import() {
    const [file] = this.file.files ?? []
    if (!file) return
    const { name } = file
    if (file.size > MAX_FILE_BYTES) return this.modal.warn(say('presets.tooLarge', { name }))
    const text = await file.text()
    this.file.value = '' // the same file may be chosen again
    /** @type {unknown} */
    let content
    try {
      content = JSON.parse(text)
    } catch {
      return this.modal.warn(say('presets.noFile', { name }))
    }
    const done = await this.#act(() => this.satchel.changeStackPresets('import', { file: content }))
    if (done) this.modal.say(say('presets.imported', { names: (done.imported ?? []).join(', ') }))
  }

  /**
   * @param {StackPreset} preset
   * @param {boolean} replaces whether the rows that are there go
   */
  #load({ rows }, replaces) {
    this.modal.close()
    if (replaces) rearrangeRows(this.node, [], this.names)
    appendRows(this.node, rowsHere(rows, this.names), this.names)
    markStepSoon(this.app)
  }

  /**
   * Does something that answers with all presets, and shows these.
   *
   * @param {() => Promise<StackPresets>} action
   */
  async #act(action) {
    try {
      const answer = await action()
      this.#presets = answer.presets
      this.modal.warn()
      this.modal.say('')
      this.#show()
      return answer
    } catch (error) {
      this.#warn(error)
      return null
    }
  }

  /** @param {unknown} error */
  #warn(error) {
    const { message, lines } = errorLines(error)
    this.modal.warn(message, lines)
  }

  #show() {
    this.#named()
    const items = this.#presets.map((preset) => this.#item(preset))
    const none = element('li', { class: 'satchel-help' }, say('presets.none'))
    this.list.replaceChildren(...(items.length > 0 ? items : [none]))
  }

  /** @param {StackPreset} preset */
  #item(preset) {
    const { name, rows } = preset
    const count = rows.length === 1 ? say('presets.rowsOne') : say('presets.rows', { count: rows.length })
    const acts = /** @type {const} */ ([
      ['load', () => this.#load(preset, true)],
      ['append', () => this.#load(preset, false)],
      ['share', () => void this.#share(preset)],
      ['delete', () => void this.#delete(preset)],
    ])
    const buttons = acts.map(([act, press]) => {
      const made = button(say(`presets.${act}`), press)
      made.setAttribute('aria-label', say(`presets.${act}Name`, { name }))
      made.title = say(`presets.${act}Name`, { name })
      return made
    })
    return element(
      'li',
      {},
      element(
        'span',
        { class: 'satchel-lines' },
        element('span', { class: 'satchel-line satchel-name' }, name),
        element('span', { class: 'satchel-line satchel-about' }, `${count}: ${summary(preset)}`),
      ),
      ...buttons,
    )
  }
}
