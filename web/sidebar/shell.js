/** Tabs over the views of the sidebar, of which one is shown at a time. */

import { element, loadStyles } from '../dialogs/elements.js'
import { say } from '../lib/strings.js'

/**
 * @typedef {object} View
 * @property {string} id
 * @property {string} title
 * @property {HTMLElement} element
 * @property {() => void} shown it is in sight from now on
 * @property {() => void} hidden it is not any more: whatever it watches can rest
 * @property {() => void} [graphChanged] another graph was opened
 */

/**
 * @typedef {object} Host what a view is handed
 * @property {import('../types/comfy').ComfyApp} app
 * @property {import('../api.js').SatchelApi} satchel
 * @property {import('./update_watch.js').UpdateWatch} updates
 */

/** @typedef {Host & {open: (id: string) => View | undefined}} ViewHost `open` shows another view */

const LAST = 'Satchel.Sidebar.View'
/** @type {Record<string, string>} */
const ICONS = {
  workflow: 'pi-share-alt',
  library: 'pi-th-large',
  find: 'pi-search',
  downloads: 'pi-download',
  settings: 'pi-cog',
}
/** Where arrow keys lead in a list of tabs. @type {Record<string, (at: number, count: number) => number>} */
const STEPS = {
  ArrowLeft: (at, count) => (at + count - 1) % count,
  ArrowRight: (at, count) => (at + 1) % count,
  Home: () => 0,
  End: (_, count) => count - 1,
}

export class Shell {
  #visible = false

  /**
   * @param {(new (host: ViewHost) => View)[]} views
   * @param {Host} host
   */
  constructor(views, host) {
    loadStyles()
    loadStyles('sidebar/sidebar.css')
    const open = (/** @type {string} */ id) => this.open(id)
    this.views = views.map((Made) => new Made({ ...host, open }))
    this.tabs = this.views.map((view) => this.#tab(view))
    this.panels = this.views.map((view) =>
      element(
        'div',
        {
          class: 'satchel-side-panel',
          role: 'tabpanel',
          id: `satchel-side-${view.id}`,
          'aria-labelledby': `satchel-tab-${view.id}`,
          hidden: '',
        },
        view.element,
      ),
    )
    const list = element(
      'div',
      { class: 'satchel-side-tabs', role: 'tablist', 'aria-label': say('side.tabs') },
      ...this.tabs,
    )
    list.addEventListener('keydown', (event) => this.#key(event))
    this.element = element('section', { class: 'satchel-side', 'aria-label': 'Satchel' }, list, ...this.panels)
    // The host's key bindings must not act on the graph while somebody types here.
    for (const type of ['keydown', 'keyup', 'paste', 'copy', 'cut']) {
      this.element.addEventListener(type, (event) => event.stopPropagation())
    }
    this.at = Math.max(0, this.views.findIndex((view) => view.id === localStorage.getItem(LAST)))
    this.#mark()
  }

  /**
   * The host calls this whenever it draws the sidebar.
   *
   * @param {HTMLElement} place
   */
  show(place) {
    // The host's place is as high as what is in it; lists that scroll by themselves need a bound.
    place.classList.add('satchel-side-place')
    if (this.element.parentElement !== place) place.replaceChildren(this.element)
    if (this.#visible) return
    this.#visible = true
    this.views[this.at]?.shown()
  }

  hide() {
    if (!this.#visible) return
    this.#visible = false
    this.views[this.at]?.hidden()
  }

  graphChanged() {
    if (this.#visible) this.views[this.at]?.graphChanged?.()
  }

  /**
   * @param {string} id
   * @returns {View | undefined}
   */
  open(id) {
    const next = this.views.findIndex((view) => view.id === id)
    if (next >= 0 && next !== this.at) {
      if (this.#visible) this.views[this.at]?.hidden()
      this.at = next
      localStorage.setItem(LAST, id)
      this.#mark()
      if (this.#visible) this.views[next]?.shown()
    }
    return this.views[next]
  }

  #mark() {
    this.tabs.forEach((tab, index) => {
      tab.setAttribute('aria-selected', String(index === this.at))
      tab.tabIndex = index === this.at ? 0 : -1
    })
    this.panels.forEach((panel, index) => (panel.hidden = index !== this.at))
  }

  /** @param {View} view */
  #tab(view) {
    const tab = element(
      'button',
      {
        type: 'button',
        class: 'satchel-side-tab',
        role: 'tab',
        id: `satchel-tab-${view.id}`,
        'aria-controls': `satchel-side-${view.id}`,
        'aria-label': view.title,
        title: view.title,
      },
      element('i', { class: `pi ${ICONS[view.id] ?? 'pi-circle'}`, 'aria-hidden': 'true' }),
      element('span', { 'aria-hidden': 'true' }, view.title),
    )
    tab.addEventListener('click', () => this.open(view.id))
    return tab
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const next = STEPS[event.key]?.(this.at, this.views.length)
    const view = next === undefined ? undefined : this.views[next]
    if (next === undefined || !view || event.ctrlKey || event.altKey || event.metaKey) return
    event.preventDefault()
    this.open(view.id)
    this.tabs[next]?.focus()
  }
}
