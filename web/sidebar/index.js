/** The Satchel tab of the host's sidebar: its views, its badge, and what makes them follow the graph. */

import { say } from '../lib/strings.js'
import { DownloadsView } from './downloads.js'
import { FindView } from './find.js'
import { LibraryView } from './library.js'
import { SettingsView } from './settings.js'
import { Shell } from './shell.js'
import { UpdateWatch } from './update_watch.js'
import { WorkflowView } from './workflow.js'

/** @typedef {import('../types/comfy').ComfyApp} ComfyApp */
/** @typedef {import('../api.js').SatchelApi} SatchelApi */

export const TAB = 'satchel'
/** In the order of their tabs. */
const VIEWS = [WorkflowView, LibraryView, FindView, DownloadsView, SettingsView]

/**
 * @param {ComfyApp} app
 * @param {SatchelApi} satchel
 */
export function sidebarExtension(app, satchel) {
  const updates = new UpdateWatch(app, satchel, TAB)
  /** @type {Shell | null} */
  let shell = null
  /** @param {HTMLElement} place */
  const render = (place) => {
    // Made when it is first looked at, so that a page where it stays closed pays nothing.
    shell ??= new Shell(VIEWS, { app, satchel, updates })
    shell.show(place)
  }
  return {
    name: 'Satchel.Sidebar',
    setup() {
      app.extensionManager.registerSidebarTab({
        id: TAB,
        icon: 'pi pi-briefcase',
        title: 'Satchel',
        tooltip: say('side.tooltip'),
        type: 'custom',
        render,
        destroy: () => shell?.hide(),
      })
      void updates.start()
    },
    afterConfigureGraph() {
      shell?.graphChanged()
    },
  }
}
