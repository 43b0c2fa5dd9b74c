/** Tells of newer versions: a badge on the tab until they were looked at, and one toast for each set. */

import { updateNews } from '../lib/side_view.js'
import { say, sayCount } from '../lib/strings.js'

/** @typedef {import('../types/satchel').KnownUpdates} KnownUpdates */

const SEEN = 'Satchel.Updates.Seen'
const TOLD = 'Satchel.Updates.Told'

export class UpdateWatch {
  /** @type {KnownUpdates | null} */
  #known = null

  /**
   * @param {import('../types/comfy').ComfyApp} app
   * @param {import('../api.js').SatchelApi} satchel
   * @param {string} tab
   */
  constructor(app, satchel, tab) {
    this.app = app
    this.satchel = satchel
    this.tab = tab
  }

  /** Asks the server what it knows already, and listens for what its schedule finds. */
  async start() {
    this.satchel.on('satchel.updates', () => void this.#tell())
    await this.#tell()
  }

  /** @returns {Promise<KnownUpdates>} what the server knows, of which the badge tells, too */
  async look() {
    const known = await this.satchel.get('/updates/known')
    this.#known = known
    this.#show()
    return known
  }

  /** Somebody has looked at the list. */
  seen() {
    if (this.#known) localStorage.setItem(SEEN, this.#known.stamp)
    this.#show()
  }

  async #tell() {
    try {
      await this.look()
    } catch {
      // Nobody has asked for it: the list in the settings says why it cannot be shown.
    }
  }

  #show() {
    if (!this.#known) return
    const { stamp, updates } = this.#known
    const before = { seen: localStorage.getItem(SEEN), told: localStorage.getItem(TOLD) }
    const { badge, toast } = updateNews({ stamp, count: updates.length }, before)
    const tabs = this.app.extensionManager.sidebarTab?.sidebarTabs ?? []
    const tab = tabs.find(({ id }) => id === this.tab)
    if (tab) tab.iconBadge = badge
    if (!toast) return
    localStorage.setItem(TOLD, stamp)
    const summary = sayCount('side.newer', updates.length)
    this.app.extensionManager.toast.add({ severity: 'info', summary, detail: say('side.newerWhere'), life: 10_000 })
  }
}
