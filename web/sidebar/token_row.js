/** A source's token: a field to write one, never to read it. */

import { button, element } from '../dialogs/elements.js'
import { sourceTitle } from '../lib/side_view.js'
import { hasString, say } from '../lib/strings.js'

export class TokenRow {
  /**
   * @param {string} source
   * @param {{set: (token: string) => Promise<void>, clear: () => Promise<void>}} act
   */
  constructor(source, act) {
    const title = sourceTitle(source)
    this.field = element('input', {
      class: 'satchel-field',
      type: 'password',
      // No browser is to keep it, or to offer the password of another page.
      autocomplete: 'new-password',
      'data-lpignore': 'true',
      spellcheck: 'false',
      placeholder: say('side.token'),
      'aria-label': say('side.tokenOf', { source: title }),
    })
    this.state = element('span', { class: 'satchel-side-facts' })
    this.save = element('button', { type: 'submit', class: 'satchel-button' }, say('side.save'))
    this.save.setAttribute('aria-label', say('side.saveOf', { source: title }))
    this.clear = button(say('side.remove'), () => void act.clear())
    this.clear.setAttribute('aria-label', say('side.removeOf', { source: title }))
    this.form = element('form', { class: 'satchel-side-form' }, this.field, this.save)
    this.form.addEventListener('submit', (event) => {
      event.preventDefault()
      const token = this.field.value
      // It is gone from the page before the server has it.
      this.forget()
      if (token) void act.set(token)
    })
    this.element = element(
      'li',
      { class: 'satchel-side-row', 'data-token': source },
      element('div', { class: 'satchel-side-line' }, element('span', { class: 'satchel-side-name' }, title), this.clear),
      this.state,
      this.form,
    )
  }

  forget() {
    this.field.value = ''
  }

  /** @param {import('../types/satchel').TokenStatus} status */
  update({ set, from, state }) {
    const fixed = set && from !== 'file'
    const key = `side.token.${state}`
    const where = set ? (fixed ? say('side.token.variable', { name: from ?? '' }) : say('side.token.file')) : say('side.token.none')
    this.state.textContent = [where, set && state && hasString(key) ? say(key) : ''].filter(Boolean).join(' · ')
    this.element.dataset.state = (set && state) || ''
    this.form.hidden = fixed
    this.clear.hidden = !set || fixed
  }
}
