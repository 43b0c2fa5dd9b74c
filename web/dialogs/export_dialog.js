/** Exporting: what the file will carry, what it will not and what helps, and in which form. */

import { isCancelled } from '../api.js'
import { exportSummary, keyOf, savedNames } from '../lib/export_view.js'
import { JobProgress } from '../lib/progress.js'
import { say } from '../lib/strings.js'
import { button } from './elements.js'
import { errorLines } from './error_lines.js'
import { exportPicture } from './export_picture.js'
import { FormatChoice } from './export_formats.js'
import { exportBody, itemList } from './export_view.js'
import { Modal } from './modal.js'
import { blobOfBase64, saveBlob, saveJson, saveUrl } from './save_file.js'
import { base64Of } from './send_bundle.js'

/** @typedef {import('../types/satchel').ExportResult} ExportResult */
/** @typedef {import('../types/satchel').BundleResult} BundleResult */
/** @typedef {import('../types/satchel').GivenReference} GivenReference */

/**
 * @typedef {object} ExportDialogOptions
 * @property {import('../api.js').SatchelApi} satchel
 * @property {import('../types/satchel').SentDocument} document both forms of the graph
 * @property {string} stem what the files are called
 * @property {import('../lib/export_view.js').ExportFormat} format chosen at first
 * @property {(format: string) => void} rememberFormat
 * @property {(name: string, detail: string) => void} celebrate says that a file was saved
 */

/** @param {ExportDialogOptions} options */
export function openExportDialog(options) {
  return new ExportDialog(options).open()
}

class ExportDialog {
  #stop = new AbortController()
  #busy = false
  /** Sources that the user gave and the server found to be right. @type {GivenReference[]} */
  #references = []
  /** @type {ExportResult | null} */
  #result = null

  /** @param {ExportDialogOptions} options */
  constructor(options) {
    this.options = options
    this.modal = new Modal(say('export.title'), () => this.#leave())
    this.formats = new FormatChoice(options.format, options.rememberFormat)
  }

  async open() {
    this.modal.open()
    await this.#read()
  }

  /** Escape and Close: stops what runs; closes when nothing does, or there is nothing to show. */
  #leave() {
    this.#stop.abort()
    if (!this.#busy || !this.#result) this.modal.close()
  }

  /** Finds out what the file will carry. */
  async #read() {
    this.modal.showFooter(button(say('export.cancel'), () => this.#leave()))
    try {
      this.#result = await this.#run('export', say('export.reading'), {})
      this.#show()
    } catch (error) {
      if (isCancelled(error)) return
      this.#fail(error)
      const again = button(say('export.retry'), () => void this.#read(), 'satchel-main')
      this.modal.showFooter(this.#closeButton(), again)
    }
  }

  /** @param {string} [status] */
  #show(status) {
    const result = this.#result
    if (!result) return
    this.modal.say([status, exportSummary(result)].filter(Boolean).join(' '))
    this.formats.offer(result)
    const resolve = (/** @type {GivenReference} */ given) => this.#resolve(given)
    this.modal.body.replaceChildren(...exportBody(result, resolve))
    this.modal.choices.replaceChildren(this.formats.root)
    const save = button(say('export.save'), () => void this.#save(), 'satchel-main')
    this.modal.showFooter(this.#closeButton(), save)
  }

  /**
   * Lets the server compare what is published somewhere with the file that is here.
   *
   * @param {GivenReference} given
   * @returns {Promise<{message: string, lines: string[]} | null>} why it will not do
   */
  async #resolve(given) {
    if (this.#busy) return null
    const before = this.#references
    this.#references = [...before.filter((one) => keyOf(one) !== keyOf(given)), given]
    const status = say('export.reference.checking', { name: given.name })
    try {
      this.#result = await this.#run('export', status, {})
      this.#show(say('export.reference.found', { name: given.name }))
      return null
    } catch (error) {
      this.#references = before
      if (this.#result) this.modal.say(exportSummary(this.#result))
      return isCancelled(error) ? null : errorLines(error)
    }
  }

  async #save() {
    if (this.#busy) return
    const { format } = this.formats
    const names = savedNames(this.options.stem, format)
    this.modal.warn()
    this.modal.setBusy(true)
    this.modal.showFooter(button(say('export.cancel'), () => this.#leave()))
    try {
      const leftOut = await this.#saveAs(format, names)
      const saved = say('export.saved', { name: names.join(', ') })
      this.options.celebrate(saved, this.#result ? exportSummary(this.#result) : '')
      if (leftOut.length === 0) return this.modal.close()
      this.modal.say(`${saved}.`)
      this.modal.body.replaceChildren(...itemList(say('export.leftOut'), leftOut))
      this.modal.choices.replaceChildren()
      this.modal.showFooter(button(say('export.close'), () => this.modal.close(), 'satchel-main'))
    } catch (error) {
      this.#show()
      if (!isCancelled(error)) this.#fail(error)
    } finally {
      this.modal.setBusy(false)
    }
  }

  /**
   * @param {import('../lib/export_view.js').ExportFormat} format
   * @param {string[]} names
   * @returns {Promise<string[]>} what should be in the file and is not
   */
  async #saveAs(format, names) {
    const result = /** @type {ExportResult} */ (this.#result)
    const [name = '', lockName = ''] = names
    if (format === 'json') {
      saveJson(name, result.graph)
    } else if (format === 'api') {
      saveJson(name, result.prompt)
      saveJson(lockName, result.lock)
    } else if (format === 'zip') {
      const { withModels } = this.formats
      /** @type {BundleResult} */
      const made = await this.#run('bundle', say('export.saving'), {
        name: this.options.stem,
        with_models: withModels,
      })
      saveUrl(name, this.options.satchel.bundleUrl(made.file))
      return made.left_out
    } else {
      const picture = await exportPicture(result.graph, this.formats.picture, format)
      const image = await base64Of(picture)
      /** @type {ExportResult} */
      const made = await this.#run('export', say('export.saving'), { image })
      saveBlob(name, blobOfBase64(made[`${format}_base64`] ?? '', `image/${format}`))
    }
    return []
  }

  /**
   * @param {'export' | 'bundle'} action
   * @param {string} status
   * @param {Record<string, unknown>} more keys of the request
   * @returns {Promise<any>}
   */
  async #run(action, status, more) {
    this.#stop = new AbortController()
    const { signal } = this.#stop
    const progress = new JobProgress(0)
    this.modal.warn()
    this.modal.say(status, null)
    this.#busy = true
    try {
      return await this.options.satchel.runJob(
        action,
        { ...this.options.document, references: this.#references, ...more },
        (event) => {
          const { text, share } = progress.update(event)
          if (!signal.aborted) this.modal.say(text, share)
        },
        signal,
      )
    } finally {
      this.#busy = false
    }
  }

  /** @param {unknown} error */
  #fail(error) {
    const { message, lines } = errorLines(error)
    if (!this.#result) this.modal.say('')
    this.modal.warn(message, lines)
  }

  #closeButton() {
    return button(say('export.close'), () => this.#leave())
  }
}
