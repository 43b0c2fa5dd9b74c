/** The page speaks the language that the host does. */

import { speak } from './lib/strings.js'

const LOCALE = 'Comfy.Locale'

/** @param {import('./types/comfy').ComfyApp} app */
export function languageExtension(app) {
  return {
    name: 'Satchel.Language',
    async init() {
      await speak(String(app.extensionManager.setting.get(LOCALE) ?? 'en'))
      app.ui.settings.addEventListener(`${LOCALE}.change`, (event) => {
        speak(String(/** @type {CustomEvent} */ (event).detail.value))
      })
    },
  }
}
