/** The sidebar's library: all model files of the server, searched, filtered, looked at, dragged. */

import { isCancelled } from '../api.js'
import { button, element, loadStyles } from '../dialogs/elements.js'
import { errorLines } from '../dialogs/error_lines.js'
import { Pages } from '../lib/library.js'
import { JobProgress } from '../lib/progress.js'
import { say } from '../lib/strings.js'
import { LibraryDetailsView } from './library_details.js'
import { LibraryFilters } from './library_filters.js'
import { LibraryGrid } from './library_grid.js'
import { LoraDrops } from './lora_drops.js'

/** @typedef {import('../types/satchel').LibraryModel} LibraryModel */
/** @typedef {import('../types/satchel').LibraryPage} LibraryPage */
/** @typedef {'scan' | 'previews' | 'updates'} Action a job's route */

const QUEUE_EVENT = 'satchel.queue'

export class LibraryView {
  id = 'library'
  /** Of the server's snapshot that is shown; empty until there is one, and while a new one is asked for. */
  #stamp = ''
  #isListed = false
  /** How far the list was scrolled when a file was opened: out of the page it does not know. */
  #top = 0
  #generation = 0
  /** Whether something was done that the list does not show yet. */
  #isStale = true
  /** @type {AbortController | null} */
  #job = null

  /**
   * @param {object} host
   * @param {import('../types/comfy').ComfyApp} host.app
   * @param {import('../api.js').SatchelApi} host.satchel
   * @param {import('./update_watch.js').UpdateWatch} host.updates
   */
  constructor({ app, satchel, updates }) {
    this.app = app
    this.satchel = satchel
    this.updates = updates
    this.drops = new LoraDrops(app)
    this.pages = new Pages(
      (offset, limit) => this.#page(offset, limit),
      (error) => this.#fail(error),
    )
    this.filters = new LibraryFilters(() => void this.#show(false), () => this.grid.focus())
    this.grid = new LibraryGrid({
      pages: this.pages,
      picture: (model) => this.#picture(model, 'small'),
      open: (model) => this.open(model),
      drag: (event, model) => this.drops.drag(event, model.name),
    })
    this.status = element('p', { class: 'satchel-lib-status', role: 'status' })
    this.hint = element('div', { class: 'satchel-hint' })
    const again = button('', () => void this.#look(), 'satchel-corner pi pi-refresh')
    again.setAttribute('aria-label', say('side.lib.refresh'))
    again.title = say('side.lib.refresh')
    this.list = element(
      'div',
      { class: 'satchel-library-list' },
      this.filters.root,
      element('div', { class: 'satchel-standing' }, this.status, again),
      this.hint,
      this.grid.root,
    )
    this.element = element('div', { class: 'satchel-library' }, this.list)
  }

  get title() {
    return say('side.lib.title')
  }

  /** The view is in sight: it is brought up to date, and takes drops on the canvas. */
  shown() {
    loadStyles()
    loadStyles('sidebar/library.css')
    this.drops.start()
    this.satchel.api.addEventListener(QUEUE_EVENT, this.#queueChanged)
    void this.#look()
  }

  hidden() {
    this.drops.stop()
    this.satchel.api.removeEventListener(QUEUE_EVENT, this.#queueChanged)
  }

  /** A download that ended is a new file. */
  #queueChanged = (/** @type {any} */ event) => {
    if (event.detail?.state !== 'done') return
    this.#isStale = true
    if (this.list.isConnected) void this.#look()
  }

  /**
   * Shows all about one file.
   *
   * @param {LibraryModel} model
   */
  open(model) {
    const details = new LibraryDetailsView(model, this.#picture(model, 'large'), this.satchel, {
      back: () => this.#back(),
      send: () => this.#send(model.name, details.status),
      showTag: (tag) => {
        this.#showList()
        this.filters.onlyTag(tag)
      },
      open: ({ directory, name }) => this.open({ ...model, directory, name, title: '', preview: 0 }),
      noted: () => {
        this.#isStale = true
      },
    })
    if (this.list.isConnected) this.#top = this.grid.root.scrollTop
    this.element.replaceChildren(details.root)
    details.heading.focus()
    void details.load()
  }

  #back() {
    this.#showList()
    if (this.#isStale) void this.#look()
    this.grid.focus()
  }

  #showList() {
    this.element.replaceChildren(this.list)
    this.grid.root.scrollTop = this.#top
    this.grid.draw()
  }

  /**
   * @param {string} name
   * @param {HTMLElement} status
   */
  #send(name, status) {
    status.textContent = say(this.drops.send(name) === 'row' ? 'side.lib.sentToStack' : 'side.lib.sentToCanvas')
  }

  /**
   * @param {LibraryModel} model
   * @param {'small' | 'large'} size
   */
  #picture({ directory, name, preview }, size) {
    return preview ? this.satchel.previewUrl(directory, name, preview, size) : ''
  }

  /** Lists the folders anew. */
  #look() {
    this.#stamp = ''
    return this.#show(this.#isListed)
  }

  /**
   * @param {boolean} stay whether it is the same list, looked at again
   * @param {string} stamp of the snapshot to show; empty for a new one
   */
  async #show(stay, stamp = this.#stamp) {
    this.#generation += 1
    const generation = this.#generation
    if (!this.status.textContent) this.status.textContent = say('side.lib.loading')
    try {
      const page = await this.#ask({ offset: 0, limit: this.pages.size, stamp })
      if (generation !== this.#generation) return
      this.#stamp = page.stamp
      this.#isListed = true
      this.#isStale = false
      this.pages.reset(page.models)
      this.filters.offer(page)
      this.grid.show(page.total, stay)
      this.#tell(page)
    } catch (error) {
      if (generation === this.#generation) this.#fail(error)
    }
  }

  /**
   * @param {number} offset
   * @param {number} limit
   */
  async #page(offset, limit) {
    const asked = this.#stamp
    const { models, stamp } = await this.#ask({ offset, limit, stamp: asked })
    // The server does not have the snapshot any more: this page belongs to another list.
    if (stamp !== asked && asked === this.#stamp) void this.#show(true, stamp)
    return models
  }

  /**
   * @param {{offset: number, limit: number, stamp: string}} part
   * @returns {Promise<LibraryPage>}
   */
  #ask(part) {
    return this.satchel.library({ ...this.filters.wanted, ...part })
  }

  /** @param {LibraryPage} page */
  #tell(page) {
    const { total, files, unhashed, previews } = page
    this.status.textContent = standing(page)
    this.grid.root.hidden = total === 0
    if (this.#job) return
    const { updates } = this.filters.wanted
    const hints = []
    if (unhashed > 0 && files > 0) {
      const text = say('side.lib.unhashed', { count: unhashed })
      const body = { look_up: true, previews: true }
      hints.push(this.#offer(text, say('side.lib.identify'), 'scan', body, say('side.lib.identifyHint')))
    }
    if (previews > 0) {
      const label = say('side.pictures.get', { count: previews })
      hints.push(this.#offer('', label, 'previews', {}, say('side.pictures.hint')))
    }
    if (updates) this.updates.seen()
    if (updates) hints.push(this.#offer('', say('side.lib.lookForUpdates'), 'updates', {}))
    this.hint.replaceChildren(...hints)
  }

  /**
   * @param {string} text
   * @param {string} label
   * @param {Action} action
   * @param {Record<string, unknown>} body
   * @param {string} [hint]
   */
  #offer(text, label, action, body, hint) {
    const press = button(label, () => void this.#work(action, body))
    if (hint) press.title = hint
    return element('p', {}, text, text ? ' ' : '', press)
  }

  /**
   * Reads files, gets pictures, or asks for newer versions: a job of the server, which can be
   * stopped.
   *
   * @param {Action} action
   * @param {Record<string, unknown>} body
   */
  async #work(action, body) {
    const job = new AbortController()
    this.#job = job
    const said = element('span', { role: 'status' }, say('side.lib.working'))
    const bar = element('progress', { class: 'satchel-progress', max: '1', 'aria-label': say('side.lib.working') })
    this.hint.replaceChildren(element('p', {}, said, ' ', button(say('side.lib.stop'), () => job.abort())), bar)
    const progress = new JobProgress(0)
    /** @type {string[]} */
    let complaints = []
    try {
      const result = await this.satchel.runJob(
        action,
        body,
        (event) => {
          const { text, share } = progress.update(event)
          said.textContent = text
          if (share === null) bar.removeAttribute('value')
          else bar.value = share
        },
        job.signal,
      )
      complaints = result.complaints ?? result.failures ?? []
    } catch (error) {
      if (!isCancelled(error)) complaints = [errorLines(error).message, ...errorLines(error).lines]
    }
    this.#job = null
    await this.#look()
    const told = complaints.filter(Boolean).map((text) => element('p', { role: 'alert' }, text))
    this.hint.append(...told)
  }

  /** @param {unknown} error */
  #fail(error) {
    const { message, lines } = errorLines(error)
    this.status.textContent = [message, ...lines].filter(Boolean).join(' ')
  }
}

/** @param {LibraryPage} page */
function standing({ total, files }) {
  if (files === 0) return say('side.lib.empty')
  if (total === 0) return say('side.lib.none')
  if (total === files) return say('side.lib.all', { count: total })
  return say('side.lib.count', { count: total, total: files })
}
