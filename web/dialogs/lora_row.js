/** One LoRA as the picker draws it: a row of its list, and the larger view beside that. */

import { say } from '../lib/strings.js'
import { element } from './elements.js'

/** @typedef {import('../lib/lora_search.js').SearchableName} SearchableName */
/** @typedef {import('../types/satchel').LoraCard} LoraCard */
/** @typedef {(card: LoraCard, name: string, size: 'small' | 'large') => string} PictureUrl */

/**
 * @param {SearchableName} entry
 * @param {LoraCard} card
 */
export function loraRow({ name, folder, file }, card) {
  const about = [card.base, card.words.join(', ')].filter(Boolean).join(' \u00b7 ')
  return element(
    'div',
    { class: 'satchel-option', role: 'option', title: name },
    element('span', { class: 'satchel-thumb', 'aria-hidden': 'true' }, placeholder()),
    element(
      'span',
      { class: 'satchel-lines' },
      element(
        'span',
        { class: 'satchel-line' },
        element('span', { class: 'satchel-folder' }, folder),
        element('span', { class: 'satchel-file' }, file),
      ),
      ...(about ? [element('span', { class: 'satchel-line satchel-about' }, about)] : []),
    ),
    element('i', { class: 'pi satchel-star', 'aria-hidden': 'true' }),
  )
}

/**
 * Puts the picture into a row that has none yet.
 *
 * @param {HTMLElement} row
 * @param {string} url
 */
export function showThumb(row, url) {
  const place = row.querySelector('.satchel-thumb')
  if (!place || place.querySelector('img')) return
  place.replaceChildren(picture(url, () => place.replaceChildren(placeholder())))
}

/**
 * @param {SearchableName} entry
 * @param {LoraCard} card
 * @param {string} url of its picture; empty without one
 * @returns {HTMLElement[]}
 */
export function loraDetails({ folder, file }, card, url) {
  const place = element('div', { class: 'satchel-large' })
  const none = () =>
    place.replaceChildren(placeholder(), element('span', {}, say('picker.noPicture')))
  if (url) place.append(picture(url, none))
  else none()
  const lines = [
    element('strong', { class: 'satchel-file' }, file),
    element('span', { class: 'satchel-folder' }, folder),
    element('span', {}, card.base),
    element('span', {}, card.words.length > 0 ? say('picker.words', { words: card.words.join(', ') }) : ''),
  ]
  return [place, ...lines.filter((line) => line.textContent !== '')]
}

/**
 * @param {string} url
 * @param {() => void} failed
 */
function picture(url, failed) {
  const image = element('img', { alt: '', decoding: 'async', draggable: 'false' })
  image.addEventListener('error', failed)
  image.src = url
  return image
}

function placeholder() {
  return element('i', { class: 'pi pi-image', 'aria-hidden': 'true' })
}
