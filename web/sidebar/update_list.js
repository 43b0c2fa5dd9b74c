/** Newer versions of what is here: the list, and asking for it now. */

import { isCancelled } from '../api.js'
import { button, element } from '../dialogs/elements.js'
import { kindTitle } from '../lib/plan_view.js'
import { say, sayCount } from '../lib/strings.js'
import { Standing, factLine, heading } from './parts.js'

/** @typedef {import('../types/satchel').KnownUpdates} KnownUpdates */

export class UpdateList {
  /**
   * @param {import('../api.js').SatchelApi} satchel
   * @param {import('./update_watch.js').UpdateWatch} watch
   * @param {() => void} showQueue
   */
  constructor(satchel, watch, showQueue) {
    this.satchel = satchel
    this.watch = watch
    this.showQueue = showQueue
    this.standing = new Standing()
    this.when = element('p', { class: 'satchel-side-facts' })
    this.check = button(say('side.checkUpdates'), () => void this.#check())
    this.list = element('ul', { class: 'satchel-side-list', 'aria-label': say('side.updates') })
    this.element = element(
      'section',
      {},
      heading(say('side.updates')),
      this.standing.status,
      this.standing.alert,
      this.list,
      this.when,
      element('div', { class: 'satchel-side-buttons' }, this.check),
    )
  }

  /** @param {number} hours */
  schedule(hours) {
    this.when.textContent = hours > 0 ? sayCount('side.every', hours) : say('side.onlyAsked')
  }

  async show() {
    try {
      this.#draw(await this.watch.look())
      this.watch.seen()
      this.standing.warn()
    } catch (error) {
      this.standing.say('')
      this.standing.warn(error)
    }
  }

  async #check() {
    this.check.disabled = true
    this.standing.warn()
    this.standing.say(say('side.asking'))
    try {
      const { failures } = await this.satchel.post('/updates', {})
      await this.show()
      if (failures.length > 0) this.standing.say(failures.join(' '))
    } catch (error) {
      this.standing.say('')
      if (!isCancelled(error)) this.standing.warn(error)
    } finally {
      this.check.disabled = false
    }
  }

  /** @param {KnownUpdates} known */
  #draw({ updates, checked }) {
    const count = updates.length
    this.standing.say(count > 0 ? sayCount('side.newer', count) : sayCount('side.upToDate', checked))
    this.list.replaceChildren(...updates.map((update) => this.#row(update)))
  }

  /** @param {KnownUpdates['updates'][number]} update */
  #row({ name, directory, model, version, newer }) {
    const [newest] = newer
    const told = element('span', { class: 'satchel-side-why', role: 'status' })
    const get = button(say('side.get'), async () => {
      get.disabled = true
      try {
        await this.satchel.post('/queue/add', { reference: newest?.air, kind: directory })
        get.hidden = true
        told.replaceChildren(button(say('side.queued'), this.showQueue, 'satchel-side-act'))
      } catch (error) {
        get.disabled = false
        this.standing.warn(error)
      }
    }, 'satchel-side-act') // prettier-ignore
    get.setAttribute('aria-label', say('side.getName', { name: `${model} ${newest?.version ?? ''}` }))
    get.hidden = !newest?.air
    return element(
      'li',
      { class: 'satchel-side-row', 'data-update': name },
      element('div', { class: 'satchel-side-line' }, element('span', { class: 'satchel-side-name', title: name }, model || name), get),
      factLine(directory && kindTitle(directory), `${version} → ${newest?.version ?? ''}`, newest?.base_model),
      factLine(name),
      told,
    )
  }
}
