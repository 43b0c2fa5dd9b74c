/** A model that a search found: what it is, then its versions and files. */

import { button, element } from '../dialogs/elements.js'
import { errorLines } from '../dialogs/error_lines.js'
import { kindTitle, licenceText } from '../lib/plan_view.js'
import { fileFacts, fileReference, rating } from '../lib/side_view.js'
import { hasString, say } from '../lib/strings.js'
import { factLine, select } from './parts.js'

/** @typedef {import('../types/satchel').PublishedVersion} PublishedVersion */
/** @typedef {import('../types/satchel').PublishedFile} PublishedFile */

const MAX_VERSIONS = 30
/** Where a file may belong whose source does not say it. */
const FOLDERS = ['loras', 'checkpoints', 'diffusion_models', 'text_encoders', 'vae', 'controlnet', 'embeddings', 'upscale_models', 'clip_vision', 'model_patches', 'style_models']
let made = 0

export class FoundModel {
  #asked = false

  /**
   * @param {PublishedVersion} version
   * @param {string} kind that was searched for; empty: any
   * @param {{
   *   satchel: import('../api.js').SatchelApi,
   *   pictures: import('./lazy_pictures.js').LazyPictures | null,
   *   showQueue: () => void,
   * }} host `pictures`: null if the row has no room for one
   */
  constructor(version, kind, host) {
    this.version = version
    this.kind = kind
    this.host = host
    made += 1
    this.files = element('div', { class: 'satchel-side-files', id: `satchel-found-${made}`, hidden: '' })
    this.toggle = element(
      'button',
      {
        type: 'button',
        class: 'satchel-side-open',
        'aria-expanded': 'false',
        'aria-controls': this.files.id,
      },
      element('i', { class: 'pi pi-chevron-right', 'aria-hidden': 'true' }),
      element('span', { class: 'satchel-side-name' }, version.model_name),
    )
    this.toggle.addEventListener('click', () => void this.#open())
    const level = rating(version.nsfw_level)
    const licence = licenceText(version)
    this.element = element(
      'li',
      { class: 'satchel-side-row', 'data-found': version.model_name },
      element(
        'div',
        { class: 'satchel-side-found' },
        ...this.#picture(),
        element(
          'div',
          { class: 'satchel-side-told' },
          this.toggle,
          factLine(version.author, version.model_type, version.base_model),
          factLine(licence, level && say('side.rated', { level }), statusText(version)),
        ),
      ),
      this.files,
    )
  }

  #picture() {
    const { pictures, satchel } = this.host
    if (pictures === null) return []
    const { picture } = this.version
    const square = element('span', { class: 'satchel-square', 'aria-hidden': 'true' }, element('i', { class: 'pi pi-image' }))
    if (picture) pictures.watch(square, satchel.foundPictureUrl(picture))
    return [square]
  }

  async #open() {
    const open = this.files.hidden
    this.files.hidden = !open
    this.toggle.setAttribute('aria-expanded', String(open))
    if (!open || this.#asked) return
    this.#asked = true
    this.files.replaceChildren(element('p', { class: 'satchel-side-status', role: 'status' }, say('side.asking')))
    try {
      const { versions } = await this.host.satchel.post('/versions', { reference: this.version.page_url })
      this.files.replaceChildren(...this.#about(), ...versions.slice(0, MAX_VERSIONS).flatMap((/** @type {PublishedVersion} */ one) => this.#versionPart(one)))
    } catch (error) {
      this.#asked = false
      this.files.replaceChildren(complaint(error))
    }
  }

  #about() {
    const { description, page_url: page } = this.version
    const parts = []
    if (description) parts.push(element('p', { class: 'satchel-side-about' }, description.slice(0, 400)))
    if (/^https:\/\//.test(page)) {
      parts.push(element('a', { href: page, target: '_blank', rel: 'noopener noreferrer' }, say('side.page')))
    }
    return parts
  }

  /** @param {PublishedVersion} version */
  #versionPart(version) {
    const words = version.trigger_words.join(', ')
    return [
      element('h3', { class: 'satchel-side-version' }, version.version_name || say('side.version')),
      factLine(version.base_model, version.published_at.slice(0, 10), statusText(version)),
      ...(words ? [factLine(say('side.words', { words }))] : []),
      element('ul', { class: 'satchel-side-list' }, ...version.files.map((file) => this.#file(file, version))),
    ]
  }

  /**
   * @param {PublishedFile} file
   * @param {PublishedVersion} version
   */
  #file(file, version) {
    const known = file.directory || this.kind
    const folder = select(FOLDERS.map((kind) => [kind, kindTitle(kind)]), say('side.folderOf', { name: file.name }))
    folder.value = known || 'loras'
    const told = element('span', { class: 'satchel-side-why', role: 'status' })
    const get = button(say('side.get'), async () => {
      get.disabled = true
      told.replaceChildren(say('side.asking'))
      try {
        await this.host.satchel.post('/queue/add', { reference: fileReference(file), kind: known || folder.value })
        get.hidden = true
        told.replaceChildren(button(say('side.queued'), this.host.showQueue, 'satchel-side-act'))
      } catch (error) {
        get.disabled = false
        told.replaceChildren(complaint(error))
      }
    }, 'satchel-side-act') // prettier-ignore
    get.setAttribute('aria-label', say('side.getName', { name: file.name }))
    get.disabled = fileReference(file) === '' || version.status === 'taken_down' || version.status === 'generation_only'
    return element(
      'li',
      { class: 'satchel-side-file', 'data-file': file.name },
      element(
        'div',
        { class: 'satchel-side-line' },
        element('span', { class: 'satchel-side-name', title: file.name }, file.name),
        get,
      ),
      factLine(known && kindTitle(known), ...fileFacts(file)),
      ...(known ? [] : [folder]),
      ...file.warnings.map((warning) => element('span', { class: 'satchel-warning' }, warning)),
      told,
    )
  }
}

/** @param {PublishedVersion} version */
function statusText({ status }) {
  const key = `side.status.${status}`
  return hasString(key) ? say(key) : ''
}

/** @param {unknown} error */
function complaint(error) {
  const { message, lines } = errorLines(error)
  return element('div', { class: 'satchel-side-alert', role: 'alert' }, [message, ...lines].filter(Boolean).join(' '))
}
