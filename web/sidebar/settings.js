/** *Settings*: newer versions, tokens that go in and never come out, and what the operator fixed. */

import { button, element } from '../dialogs/elements.js'
import { formatBytes } from '../lib/bytes.js'
import { kindTitle } from '../lib/plan_view.js'
import { sourceTitle } from '../lib/side_view.js'
import { say } from '../lib/strings.js'
import { Standing, heading } from './parts.js'
import { TokenRow } from './token_row.js'
import { UpdateList } from './update_list.js'

export class SettingsView {
  id = 'settings'
  /** @type {Map<string, TokenRow>} */
  #tokens = new Map()

  /** @param {import('./shell.js').ViewHost} host */
  constructor({ satchel, updates, open }) {
    this.satchel = satchel
    this.updates = new UpdateList(satchel, updates, () => open('downloads'))
    this.standing = new Standing()
    this.tokens = element('ul', { class: 'satchel-side-list', 'aria-label': say('side.tokens') })
    this.check = button(say('side.checkTokens'), () => void this.#change('/auth/check', {}))
    this.folders = element('p', { class: 'satchel-side-facts' })
    this.rules = element('dl', { class: 'satchel-side-rules' })
    this.element = element(
      'div',
      { class: 'satchel-side-view' },
      element('div', { class: 'satchel-side-head' }, this.standing.alert),
      element(
        'div',
        { class: 'satchel-side-scroll' },
        this.updates.element,
        heading(say('side.tokens')),
        element('p', { class: 'satchel-side-facts' }, say('side.tokensHelp')),
        this.tokens,
        element('div', { class: 'satchel-side-buttons' }, this.check),
        this.standing.status,
        heading(say('side.policy')),
        element('p', { class: 'satchel-side-facts' }, say('side.policyHelp')),
        this.rules,
        heading(say('side.folders')),
        this.folders,
      ),
    )
  }

  get title() {
    return say('side.settings')
  }

  shown() {
    void this.#load()
    void this.updates.show()
  }

  hidden() {
    for (const row of this.#tokens.values()) row.forget()
  }

  async #load() {
    try {
      const [status, tokens] = await Promise.all([this.satchel.get('/status'), this.satchel.get('/auth')])
      this.standing.warn()
      this.#showTokens(tokens)
      this.#showRules(status)
      this.updates.schedule(status.rules.update_check_hours)
      this.folders.textContent = status.folders.map(kindTitle).join(', ')
    } catch (error) {
      this.standing.warn(error)
    }
  }

  /**
   * @param {string} route
   * @param {Record<string, unknown>} body
   */
  async #change(route, body) {
    this.standing.warn()
    this.standing.say(route === '/auth/check' ? say('side.asking') : '')
    try {
      this.#showTokens(await this.satchel.post(route, body))
      this.standing.say(route === '/auth/check' ? say('side.checked') : say('side.saved'))
    } catch (error) {
      this.standing.say('')
      this.standing.warn(error)
    }
  }

  /** @param {{sources: import('../types/satchel').TokenStatus[]}} told */
  #showTokens({ sources }) {
    for (const status of sources) {
      let row = this.#tokens.get(status.source)
      if (!row) {
        row = new TokenRow(status.source, {
          set: (token) => this.#change('/auth/set', { source: status.source, token }),
          clear: () => this.#change('/auth/clear', { source: status.source }),
        })
        this.#tokens.set(status.source, row)
        this.tokens.append(row.element)
      }
      row.update(status)
    }
    this.check.disabled = !sources.some((status) => status.set)
  }

  /** @param {import('../types/satchel').ServerStatus} status */
  #showRules({ policy, rules }) {
    const asked = Object.entries(rules.sources).filter(([, asks]) => asks)
    const limit = (/** @type {number | null} */ bytes) => (bytes === null ? say('side.noLimit') : formatBytes(bytes))
    /** @type {[string, string][]} */
    const facts = [
      [say('side.rule.sources'), asked.map(([kind]) => sourceTitle(kind)).join(', ') || say('side.none')],
      [say('side.rule.remote'), say(policy.remote === 'anyone' ? 'side.remote.anyone' : policy.operator_token ? 'side.remote.token' : 'side.remote.nobody')],
      [say('side.rule.formats'), policy.formats?.join(', ') ?? say(rules.pickle ? 'side.formats.all' : 'side.formats.safe')],
      [say('side.rule.file'), limit(policy.max_file_bytes)],
      [say('side.rule.total'), limit(policy.max_total_bytes)],
      [say('side.rule.nodes'), say(rules.node_downloads === 'allow' ? 'side.nodes.allow' : 'side.nodes.ask')],
      [say('side.rule.hashing'), say(rules.background_hashing ? 'side.hashing.always' : 'side.hashing.asked')],
      [say('side.pictures.rule'), say(rules.previews ? 'side.pictures.asked' : 'side.pictures.never')],
    ] // prettier-ignore
    this.rules.replaceChildren(
      ...facts.flatMap(([term, text]) => [element('dt', {}, term), element('dd', {}, text)]),
    )
  }
}
