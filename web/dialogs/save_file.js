/** Saving files the way a browser does. */

import { element } from './elements.js'

const KEPT_MS = 10_000

/**
 * @param {string} name
 * @param {Blob} content
 */
export function saveBlob(name, content) {
  const url = URL.createObjectURL(content)
  saveUrl(name, url)
  setTimeout(() => URL.revokeObjectURL(url), KEPT_MS)
}

/**
 * @param {string} name
 * @param {unknown} value
 */
export function saveJson(name, value) {
  saveBlob(name, new Blob([JSON.stringify(value, null, 2)], { type: 'application/json' }))
}

/**
 * @param {string} name
 * @param {string} url of this origin
 */
export function saveUrl(name, url) {
  const link = element('a', { href: url, download: name })
  // Inside of an open dialog, since everything outside of it is inert.
  const parent = document.querySelector('dialog[open]') ?? document.body
  parent.append(link)
  link.click()
  link.remove()
}

/**
 * @param {string} text Base64
 * @param {string} type
 */
export function blobOfBase64(text, type) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))
  return new Blob([bytes], { type })
}
