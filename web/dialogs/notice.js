/**
 * A card in a corner of the page that offers one thing to do, and stays out of the way: it takes no
 * focus, covers little and waits until somebody answers.
 */

import { say } from '../lib/strings.js'
import { button, element, loadStyles } from './elements.js'

export class Notice {
  /**
   * @param {object} options
   * @param {string} options.title
   * @param {string} options.detail
   * @param {string} options.action
   * @param {() => void} options.act
   * @param {() => void} options.dismiss
   */
  constructor({ title, detail, action, act, dismiss }) {
    loadStyles()
    const heading = element('strong', { class: 'satchel-notice-title' }, title)
    const corner = button('', dismiss, 'satchel-corner')
    corner.setAttribute('aria-label', say('convert.dismiss'))
    corner.append(element('i', { class: 'pi pi-times', 'aria-hidden': 'true' }))
    this.action = button(action, act, 'satchel-main')
    this.root = element(
      'section',
      { class: 'satchel-notice', role: 'status', 'aria-label': title },
      element('header', {}, heading, corner),
      element('p', {}, detail),
      element('footer', {}, this.action),
    )
  }

  open() {
    document.body.append(this.root)
  }

  close() {
    this.root.remove()
  }
}
