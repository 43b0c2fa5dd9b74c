/** Handing a bundle to the server: small ones inside of the request, large ones before it. */

import { say } from '../lib/strings.js'
import { button } from './elements.js'
import { Modal } from './modal.js'

/** Up to here a file goes with the request itself, which anybody may send. */
const SMALL_BYTES = 16 * 1024 * 1024

/**
 * @param {import('../api.js').SatchelApi} satchel
 * @param {File} file
 * @returns {Promise<import('../types/satchel').SentDocument>} what stands for it in requests
 */
export async function sendBundle(satchel, file) {
  if (file.size <= SMALL_BYTES) return { base64: await base64Of(file), name: file.name }
  const stop = new AbortController()
  const modal = new Modal(say('import.reading', { name: file.name }), () => stop.abort())
  modal.open()
  modal.say(say('import.sending', { name: file.name }), null)
  modal.showFooter(button(say('import.cancel'), () => stop.abort()))
  try {
    return { upload: await satchel.upload(file, stop.signal), name: file.name }
  } finally {
    modal.close()
  }
}

/**
 * @param {Blob} blob
 * @returns {Promise<string>} its bytes in Base64
 */
export function base64Of(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader()
    reader.onload = () => resolve(String(reader.result).replace(/^[^,]*,/, ''))
    reader.onerror = () => reject(reader.error)
    reader.readAsDataURL(blob)
  })
}
