/** *Downloads*: the server's queue, live while it is looked at. */

import { button, element } from '../dialogs/elements.js'
import { queueActions, queueOrder } from '../lib/side_view.js'
import { say, sayCount } from '../lib/strings.js'
import { DownloadRow } from './download_row.js'
import { Standing } from './parts.js'
import { QueueLimitFields } from './queue_limits.js'

/** @typedef {import('../types/satchel').QueueEntry} QueueEntry */

/** The command line may work on the same queue, of which no event tells. */
const POLL_MS = 5000

export class DownloadsView {
  id = 'downloads'
  /** @type {Map<number, QueueEntry>} */
  #entries = new Map()
  /** @type {Map<number, DownloadRow>} */
  #rows = new Map()
  /** @type {(() => void) | null} */
  #stopListening = null
  #timer = 0

  /** @param {import('./shell.js').ViewHost} host */
  constructor({ satchel }) {
    this.satchel = satchel
    this.standing = new Standing()
    this.reference = element('input', {
      class: 'satchel-field',
      type: 'text',
      placeholder: say('side.reference'),
      'aria-label': say('side.reference'),
      spellcheck: 'false',
    })
    const form = element(
      'form',
      { class: 'satchel-side-form' },
      this.reference,
      element('button', { type: 'submit', class: 'satchel-button' }, say('side.add')),
    )
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      void this.#add()
    })
    this.pauseAll = button(say('side.pauseAll'), () => void this.#change('pause', this.#those('pause')))
    this.resumeAll = button(say('side.resumeAll'), () => void this.#change('resume', this.#those('resume')))
    this.clear = button(say('side.clear'), () => void this.#act('/queue/clear', {}))
    this.limits = new QueueLimitFields((limits) => void this.#act('/queue/limits', { ...limits }))
    this.list = element('ul', { class: 'satchel-side-list', 'aria-label': say('side.downloads') })
    this.element = element(
      'div',
      { class: 'satchel-side-view' },
      element(
        'div',
        { class: 'satchel-side-head' },
        form,
        this.standing.status,
        this.standing.alert,
        element('div', { class: 'satchel-side-buttons' }, this.pauseAll, this.resumeAll, this.clear),
      ),
      element('div', { class: 'satchel-side-scroll' }, this.list, this.limits.element),
    )
  }

  get title() {
    return say('side.downloads')
  }

  shown() {
    this.#stopListening = this.satchel.on('satchel.queue', (entry) => {
      this.#entries.set(entry.id, entry)
      this.#draw()
    })
    void this.#poll()
  }

  hidden() {
    this.#stopListening?.()
    this.#stopListening = null
    clearTimeout(this.#timer)
  }

  async #poll() {
    clearTimeout(this.#timer)
    try {
      this.#take(await this.satchel.get('/queue'))
      this.standing.warn()
    } catch (error) {
      this.standing.say('')
      this.standing.warn(error)
    }
    if (this.#stopListening) this.#timer = window.setTimeout(() => void this.#poll(), POLL_MS)
  }

  async #add() {
    const reference = this.reference.value.trim()
    if (!reference) return
    this.standing.say(say('side.asking'))
    try {
      await this.satchel.post('/queue/add', { reference })
      this.reference.value = ''
      this.standing.warn()
      this.#take(await this.satchel.get('/queue'))
    } catch (error) {
      this.standing.warn(error)
      this.#draw()
    }
  }

  /**
   * @param {'pause' | 'resume' | 'cancel'} action
   * @param {number[]} ids
   */
  async #change(action, ids) {
    if (ids.length > 0) await this.#act(`/queue/${action}`, { ids })
  }

  /**
   * @param {string} route
   * @param {Record<string, unknown>} body
   */
  async #act(route, body) {
    try {
      this.#take(await this.satchel.post(route, body))
      this.standing.warn()
    } catch (error) {
      this.standing.warn(error)
    }
  }

  /** @param {'pause' | 'resume'} action */
  #those(action) {
    return [...this.#entries.values()].filter(({ state }) => queueActions(state)[action]).map(({ id }) => id)
  }

  /** @param {import('../types/satchel').QueueListing} listing */
  #take({ entries, limits }) {
    this.limits.update(limits)
    this.#entries = new Map(entries.map((entry) => [entry.id, entry]))
    this.#draw()
  }

  #draw() {
    const entries = queueOrder([...this.#entries.values()])
    for (const [id, row] of this.#rows) {
      if (this.#entries.has(id)) continue
      row.element.remove()
      this.#rows.delete(id)
    }
    entries.forEach((entry, index) => {
      const row = this.#rows.get(entry.id) ?? this.#row(entry.id)
      row.update(entry, Date.now() / 1000)
      // Moving a row takes the focus off its buttons, so that is done only when it has to be.
      if (this.list.children[index] !== row.element) {
        this.list.insertBefore(row.element, this.list.children[index] ?? null)
      }
    })
    const open = entries.filter(({ state }) => state === 'running' || state === 'queued').length
    this.standing.say(
      entries.length === 0 ? say('side.noDownloads') : open === 0 ? say('side.idle') : sayCount('side.open', open),
    )
    this.pauseAll.hidden = this.#those('pause').length === 0
    this.resumeAll.hidden = this.#those('resume').length === 0
    this.clear.hidden = !entries.some(({ state }) => state === 'done' || state === 'cancelled')
  }

  /** @param {number} id */
  #row(id) {
    const row = new DownloadRow({
      pause: () => void this.#change('pause', [id]),
      resume: () => void this.#change('resume', [id]),
      cancel: () => void this.#change('cancel', [id]),
      prioritize: (priority) => void this.#act('/queue/priority', { id, priority }),
    })
    this.#rows.set(id, row)
    return row
  }
}
