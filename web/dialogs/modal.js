/**
 * A modal dialog of the browser's own kind: it keeps the focus inside, makes the rest inert and
 * closes on Escape.
 */

import { say } from '../lib/strings.js'
import { button, element, loadStyles } from './elements.js'

let opened = 0

export class Modal {
  /**
   * @param {string} title
   * @param {() => void} onEscape what Escape and the corner button do
   */
  constructor(title, onEscape) {
    loadStyles()
    opened += 1
    const heading = element('h2', { id: `satchel-title-${opened}` }, title)
    const corner = button('', onEscape, 'satchel-corner')
    corner.setAttribute('aria-label', say('import.close'))
    corner.append(element('i', { class: 'pi pi-times', 'aria-hidden': 'true' }))
    /** One sentence on where things stand, read out when it changes. */
    this.status = element('p', { class: 'satchel-status', role: 'status' })
    this.progress = element('progress', { class: 'satchel-progress', max: '1', hidden: '' })
    this.alert = element('div', { class: 'satchel-alert', role: 'alert', hidden: '' })
    this.body = element('div', { class: 'satchel-body' })
    /** What stays in sight, however long the body is. */
    this.choices = element('div', { class: 'satchel-choices' })
    this.footer = element('footer', {})
    this.root = element(
      'dialog',
      { class: 'satchel-dialog', 'aria-labelledby': heading.id },
      element('header', {}, heading, corner),
      this.status,
      this.progress,
      this.alert,
      this.body,
      this.choices,
      this.footer,
    )
    this.root.addEventListener('cancel', (event) => {
      event.preventDefault()
      onEscape()
    })
    // A browser lets a page keep its dialog open once; the next Escape would close it all the same.
    this.root.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || event.isComposing || event.defaultPrevented) return
      event.preventDefault()
      onEscape()
    })
    this.root.addEventListener('close', () => {
      if (this.root.isConnected) this.root.showModal()
    })
    // The host's key bindings must not act on the graph behind.
    for (const type of ['keydown', 'keyup', 'paste', 'copy', 'cut']) {
      this.root.addEventListener(type, (event) => event.stopPropagation())
    }
  }

  open() {
    document.body.append(this.root)
    this.root.showModal()
  }

  close() {
    this.root.close()
    this.root.remove()
  }

  /**
   * @param {string} text
   * @param {number | null} [share] of the progress bar; null: it moves without an end, undefined:
   *   there is no bar
   */
  say(text, share) {
    this.status.textContent = text
    this.progress.hidden = share === undefined
    this.progress.setAttribute('aria-label', text)
    if (typeof share === 'number') this.progress.value = share
    else this.progress.removeAttribute('value')
  }

  /**
   * Shows what went wrong and what to do about it; without lines it clears that.
   *
   * @param {string} [message]
   * @param {string[]} [lines]
   */
  warn(message = '', lines = []) {
    this.alert.replaceChildren()
    this.alert.hidden = message === ''
    if (message === '') return
    this.alert.append(element('strong', {}, message))
    for (const line of lines.filter(Boolean)) this.alert.append(element('p', {}, line))
  }

  /**
   * Makes what is in the dialog wait while something is done with it.
   *
   * @param {boolean} busy
   */
  setBusy(busy) {
    this.body.inert = this.choices.inert = busy
  }

  /** @param {...HTMLElement} children */
  showFooter(...children) {
    this.footer.replaceChildren(...children)
    const usable = children.filter((child) => child instanceof HTMLButtonElement && !child.disabled)
    usable.at(-1)?.focus()
  }
}
