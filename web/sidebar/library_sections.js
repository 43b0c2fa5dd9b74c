/** Parts of what the library tells about a file that need no more than what the server told. */

import { button, element } from '../dialogs/elements.js'
import { formatBytes } from '../lib/bytes.js'
import { isMature, kindTitle } from '../lib/plan_view.js'
import { say } from '../lib/strings.js'

/** @typedef {import('../types/satchel').LibraryModel} LibraryModel */
/** @typedef {import('../types/satchel').LibraryDetails} Details */

/**
 * @param {LibraryModel} model
 * @param {Details} told
 */
export function facts(model, told) {
  const pairs = [
    [say('side.lib.kind'), kindTitle(model.directory)],
    [say('side.lib.base'), told.base_model],
    [say('side.lib.version'), told.version],
    [say('side.lib.author'), told.author],
    [say('side.lib.licence'), told.licence || permitted(told.permissions)],
    [say('side.lib.size'), formatBytes(told.size)],
    [say('side.lib.rating'), isMature(told.nsfw_level) ? say('side.lib.mature') : ''],
    [say('side.lib.status'), told.status && told.status !== 'open' ? told.status.replaceAll('_', ' ') : ''],
    [say('side.lib.identified'), say(`side.lib.identified.${told.identified}`)],
  ].filter(([, value]) => value)
  return element(
    'dl',
    { class: 'satchel-facts' },
    ...pairs.flatMap(([name, value]) => [element('dt', {}, name ?? ''), element('dd', {}, value ?? '')]),
  )
}

/**
 * @param {string} title
 * @param {...(Node | string)} children
 */
export function section(title, ...children) {
  return element('section', {}, element('h4', {}, title), ...children)
}

/** @param {string[]} texts */
export function plainList(texts) {
  return element('ul', { class: 'satchel-lines-list' }, ...texts.map((text) => element('li', {}, text)))
}

/** @param {string} url */
export function pictureOf(url) {
  const place = element('div', { class: 'satchel-detail-picture' })
  const image = element('img', { alt: say('side.lib.picture'), decoding: 'async' })
  image.addEventListener('error', () => place.remove())
  image.src = url
  place.append(image)
  return place
}

/**
 * @param {Details} told
 * @param {{open: (file: {directory: string, name: string}) => void}} events
 */
export function copies(told, events) {
  if (told.copies.length === 0) return []
  const items = told.copies.map((copy) =>
    element('li', {}, button(`${kindTitle(copy.directory)}: ${copy.name}`, () => events.open(copy), 'satchel-word')),
  )
  return [section(say('side.lib.copies'), element('ul', { class: 'satchel-lines-list' }, ...items))]
}

/**
 * @param {Details} told
 * @param {(hex: string) => void} copy
 */
export function digests(told, copy) {
  const known = [
    ...Object.entries(told.digests),
    ...told.claims.map(({ kind, hex, origin }) => [say('side.lib.claimed', { kind, origin }), hex]),
  ]
  if (known.length === 0) return []
  const rows = known.flatMap(([kind = '', hex = '']) => {
    const press = button(hex, () => copy(hex), 'satchel-hex')
    press.title = say('side.lib.copyDigest', { kind })
    press.setAttribute('aria-label', say('side.lib.copyDigest', { kind }))
    return [element('dt', {}, kind), element('dd', {}, press)]
  })
  return [section(say('side.lib.digests'), element('dl', { class: 'satchel-facts' }, ...rows))]
}

/** @param {Details} told */
export function description(told) {
  if (!told.description) return []
  const text = element('p', { class: 'satchel-description' }, told.description)
  return [element('details', {}, element('summary', {}, say('side.lib.description')), text)]
}

/**
 * Civitai's licence flags in words, as far as they forbid something.
 *
 * @param {Details['permissions']} permissions
 */
function permitted(permissions) {
  const refused = [
    permissions.allowNoCredit === false && say('side.lib.licence.credit'),
    permissions.allowDerivatives === false && say('side.lib.licence.derivatives'),
    permissions.allowDifferentLicense === false && say('side.lib.licence.same'),
  ]
  return refused.filter(Boolean).join(', ')
}
