/** One download of the queue, which changes in place so that its buttons keep the focus. */

import { element } from '../dialogs/elements.js'
import { kindTitle } from '../lib/plan_view.js'
import { queueActions, queueProgress, queueState } from '../lib/side_view.js'
import { say } from '../lib/strings.js'
import { iconButton, select, setIcon } from './parts.js'

const PRIORITIES = [10, 0, -10]

export class DownloadRow {
  #resumes = false

  /**
   * @param {object} act
   * @param {() => void} act.pause
   * @param {() => void} act.resume
   * @param {() => void} act.cancel
   * @param {(priority: number) => void} act.prioritize
   */
  constructor(act) {
    this.name = element('span', { class: 'satchel-side-name' })
    this.facts = element('span', { class: 'satchel-side-facts' })
    this.state = element('span', { class: 'satchel-side-state' })
    this.far = element('span', { class: 'satchel-side-facts' })
    this.bar = element('progress', { class: 'satchel-progress', max: '1' })
    this.why = element('span', { class: 'satchel-side-why' })
    this.toggle = iconButton('pi-pause', say('side.pause'), () => (this.#resumes ? act.resume() : act.pause()))
    this.cancel = iconButton('pi-times', say('side.cancel'), act.cancel)
    this.priority = select(
      [
        ['10', say('side.priority.high')],
        ['0', say('side.priority.normal')],
        ['-10', say('side.priority.low')],
      ],
      say('side.priority'),
    )
    this.priority.addEventListener('change', () => act.prioritize(Number(this.priority.value)))
    this.element = element(
      'li',
      { class: 'satchel-side-row' },
      element('div', { class: 'satchel-side-line' }, this.name, this.priority, this.toggle, this.cancel),
      this.facts,
      this.bar,
      element('span', { class: 'satchel-side-spread' }, this.state, this.far),
      this.why,
    )
  }

  /**
   * @param {import('../types/satchel').QueueEntry} entry
   * @param {number} now seconds since 1970
   */
  update(entry, now) {
    const can = queueActions(entry.state)
    this.element.dataset.state = entry.state
    this.element.dataset.download = entry.name
    this.name.textContent = entry.name
    this.name.title = entry.name
    this.facts.textContent = [kindTitle(entry.directory), entry.source].filter(Boolean).join(' · ')
    this.state.textContent = queueState(entry.state)
    this.far.textContent = queueProgress(entry, now)
    this.bar.hidden = !can.cancel
    this.bar.setAttribute('aria-label', entry.name)
    if (entry.total) this.bar.value = Math.min(1, entry.done / entry.total)
    else if (entry.state === 'running') this.bar.removeAttribute('value')
    else this.bar.value = 0
    const { message, hint } = entry.error ?? { message: '', hint: '' }
    const told = entry.state === 'done' || entry.state === 'cancelled' ? '' : [message, hint].filter(Boolean).join(' ')
    this.why.textContent = [told, entry.note].filter(Boolean).join(' ')
    this.#showButtons(entry, can)
  }

  /**
   * @param {import('../types/satchel').QueueEntry} entry
   * @param {ReturnType<typeof queueActions>} can
   */
  #showButtons(entry, can) {
    this.#resumes = can.resume || can.retry
    const [icon, label] = can.retry
      ? ['pi-refresh', say('side.retry', { name: entry.name })]
      : can.resume
        ? ['pi-play', say('side.resume', { name: entry.name })]
        : ['pi-pause', say('side.pauseName', { name: entry.name })]
    if (this.toggle.title !== label) setIcon(this.toggle, icon, label)
    this.toggle.hidden = !can.pause && !can.resume && !can.retry
    this.cancel.hidden = !can.cancel
    setLabel(this.cancel, say('side.cancelName', { name: entry.name }))
    this.priority.hidden = !can.prioritize
    setLabel(this.priority, say('side.priorityOf', { name: entry.name }))
    if (document.activeElement !== this.priority) this.#showPriority(entry.priority)
  }

  /** @param {number} priority */
  #showPriority(priority) {
    const value = String(priority)
    const own = this.priority.querySelector('[data-own]')
    if (own instanceof HTMLOptionElement && own.value !== value) own.remove()
    if (!PRIORITIES.includes(priority) && this.priority.querySelector('[data-own]') === null) {
      this.priority.append(element('option', { value, 'data-own': '' }, value))
    }
    this.priority.value = value
  }
}

/**
 * @param {HTMLElement} made
 * @param {string} label
 */
function setLabel(made, label) {
  if (made.title === label) return
  made.title = label
  made.setAttribute('aria-label', label)
}
