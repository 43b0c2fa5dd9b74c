/** What the views of the sidebar are built from. */

import { button, element } from '../dialogs/elements.js'
import { errorLines } from '../dialogs/error_lines.js'
import { say } from '../lib/strings.js'

/**
 * A button that shows an icon only.
 *
 * @param {string} icon `pi-...`
 * @param {string} label
 * @param {() => void} press
 */
export function iconButton(icon, label, press) {
  const made = button('', press, 'satchel-side-icon')
  made.setAttribute('aria-label', label)
  made.title = label
  made.append(element('i', { class: `pi ${icon}`, 'aria-hidden': 'true' }))
  return made
}

/**
 * @param {HTMLElement} made
 * @param {string} icon
 * @param {string} label
 */
export function setIcon(made, icon, label) {
  made.setAttribute('aria-label', label)
  made.title = label
  made.replaceChildren(element('i', { class: `pi ${icon}`, 'aria-hidden': 'true' }))
}

/** Sentences on where a view stands: one that changes, and one for what went wrong. */
export class Standing {
  constructor() {
    this.status = element('p', { class: 'satchel-side-status', role: 'status' })
    this.alert = element('div', { class: 'satchel-side-alert', role: 'alert', hidden: '' })
  }

  /** @param {string} text */
  say(text) {
    // Without this a screen reader hears the same sentence again and again.
    if (this.status.textContent !== text) this.status.textContent = text
  }

  /** @param {unknown} [error] nothing: all is well again */
  warn(error) {
    this.alert.hidden = error === undefined
    if (error === undefined) return this.alert.replaceChildren()
    const { message, lines } = errorLines(error)
    const told = lines.filter(Boolean).map((line) => element('p', {}, line))
    this.alert.replaceChildren(element('strong', {}, message), ...told)
  }
}

/**
 * A long digest, short, with a button that copies all of it.
 *
 * @param {string} text
 * @param {string} label what the button says it does
 * @param {string} [shown]
 */
export function copyable(text, label, shown = text) {
  const copy = iconButton('pi-copy', label, async () => {
    await navigator.clipboard.writeText(text)
    setIcon(copy, 'pi-check', say('side.copied'))
  })
  // Pages that came over plain http from another machine have no clipboard.
  copy.hidden = !navigator.clipboard
  return element('span', { class: 'satchel-side-copy' }, element('code', { title: text }, shown), copy)
}

/**
 * Facts in one dim line, empty ones left out.
 *
 * @param {...(string | null | undefined | false)} facts
 */
export function factLine(...facts) {
  return element('span', { class: 'satchel-side-facts' }, facts.filter(Boolean).join(' · '))
}

/**
 * @param {[string, string][]} options value and title
 * @param {string} label
 */
export function select(options, label) {
  const made = element('select', { class: 'satchel-field', 'aria-label': label })
  made.append(...options.map(([value, title]) => new Option(title, value)))
  return made
}

/** @param {string} title */
export function heading(title) {
  return element('h2', { class: 'satchel-side-heading' }, title)
}
