/** *Find*: models on the marketplaces, their versions and files, and putting one into the queue. */

import { button, element } from '../dialogs/elements.js'
import { kindTitle } from '../lib/plan_view.js'
import { sourceTitle } from '../lib/side_view.js'
import { say, sayCount } from '../lib/strings.js'
import { FoundModel } from './found_model.js'
import { LazyPictures } from './lazy_pictures.js'
import { Standing, heading, select } from './parts.js'

/** @typedef {import('../types/satchel').PublishedVersion} PublishedVersion */
/** @typedef {{source: string, cursor: string | null, versions: PublishedVersion[]}} Page */

const SEARCHABLE = ['civitai', 'huggingface']
const KINDS = [
  'loras', 'checkpoints', 'diffusion_models', 'text_encoders', 'vae', 'controlnet', 'embeddings',
  'upscale_models', 'clip_vision',
] // prettier-ignore
const LIMIT = 20

export class FindView {
  id = 'find'
  #generation = 0
  #asksBases = true
  #wasShown = false

  /** @param {import('./shell.js').ViewHost} host */
  constructor({ satchel, open }) {
    this.satchel = satchel
    this.open = open
    this.standing = new Standing()
    this.pictures = new LazyPictures()
    this.query = element('input', {
      class: 'satchel-field satchel-search',
      type: 'search',
      placeholder: say('side.search'),
      'aria-label': say('side.search'),
    })
    this.source = select([['', say('side.allSources')], ...SEARCHABLE.map(titled)], say('side.source'))
    this.kind = select([['', say('side.anyKind')], ...KINDS.map(kindOption)], say('side.kind'))
    this.sort = select(
      [
        ['relevance', say('side.sort.relevance')],
        ['downloads', say('side.sort.downloads')],
        ['newest', say('side.sort.newest')],
        ['rating', say('side.sort.rating')],
      ],
      say('side.sort'),
    )
    this.bases = element('datalist', { id: 'satchel-side-bases' })
    this.base = element('input', {
      class: 'satchel-field',
      type: 'text',
      list: this.bases.id,
      placeholder: say('side.base'),
      'aria-label': say('side.base'),
    })
    this.base.addEventListener('focus', () => void this.#offerBases())
    this.nsfw = element('input', { type: 'checkbox' })
    this.results = element('div', { class: 'satchel-side-results' })
    this.element = element(
      'div',
      { class: 'satchel-side-view' },
      element('div', { class: 'satchel-side-head' }, this.#form(), this.standing.status, this.standing.alert),
      element('div', { class: 'satchel-side-scroll' }, this.results),
    )
  }

  get title() {
    return say('side.findTab')
  }

  shown() {
    if (this.#wasShown) return
    this.#wasShown = true
    this.standing.say(say('side.findHelp'))
  }

  hidden() {}

  /**
   * @param {string} words
   * @param {string} kind
   */
  search(words, kind) {
    this.query.value = words
    this.kind.value = KINDS.includes(kind) ? kind : ''
    this.query.focus()
    void this.#search()
  }

  #form() {
    const submit = element('button', { type: 'submit', class: 'satchel-button satchel-main' }, say('side.searchDo'))
    const mature = element('label', { class: 'satchel-side-tick' }, this.nsfw, say('side.nsfw'))
    const form = element(
      'form',
      { class: 'satchel-side-search', role: 'search' },
      element('div', { class: 'satchel-side-form' }, this.query, submit),
      element('div', { class: 'satchel-side-fields' }, this.source, this.kind, this.sort, this.base, this.bases),
      mature,
    )
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      void this.#search()
    })
    // What was found with it is not for those who have just switched it off.
    this.nsfw.addEventListener('change', () => {
      if (this.results.childElementCount > 0) void this.#search()
    })
    return form
  }

  async #search() {
    const generation = ++this.#generation
    const query = this.query.value.trim()
    this.standing.warn()
    this.results.replaceChildren()
    this.pictures.clear()
    if (!query && !this.base.value && !this.kind.value) return this.standing.say(say('side.findHelp'))
    this.standing.say(say('side.asking'))
    const wanted = {
      query,
      kinds: this.kind.value ? [this.kind.value] : [],
      base_models: this.base.value.trim() ? [this.base.value.trim()] : [],
      nsfw: this.nsfw.checked,
      sort: this.sort.value,
      limit: LIMIT,
    }
    const source = this.source.value ? { source: this.source.value } : {}
    try {
      const { pages, complaints } = await this.satchel.post('/search', { ...wanted, ...source })
      if (generation !== this.#generation) return
      const count = pages.reduce((/** @type {number} */ sum, /** @type {Page} */ page) => sum + page.versions.length, 0)
      this.standing.say([sayCount('side.found', count), ...complaints].join(' '))
      this.results.replaceChildren(...pages.flatMap((/** @type {Page} */ page) => this.#page(page, wanted)))
    } catch (error) {
      if (generation !== this.#generation) return
      this.standing.say('')
      this.standing.warn(error)
    }
  }

  /**
   * @param {Page} page
   * @param {Record<string, unknown>} wanted
   */
  #page(page, wanted) {
    if (page.versions.length === 0 && !page.cursor) return []
    const title = sourceTitle(page.source)
    const list = element('ul', { class: 'satchel-side-list', 'aria-label': title }, ...this.#found(page, wanted))
    return [heading(title), list, ...this.#more(page, wanted, list)]
  }

  /**
   * @param {Page} page
   * @param {Record<string, unknown>} wanted
   */
  #found(page, wanted) {
    const kinds = /** @type {string[]} */ (wanted.kinds)
    // Names stand below each other; where nothing has a picture, no room is kept for one.
    const pictures = page.versions.some(({ picture }) => picture) ? this.pictures : null
    return page.versions.map((version) => {
      const made = new FoundModel(version, kinds[0] ?? '', {
        satchel: this.satchel,
        pictures,
        showQueue: () => this.open('downloads'),
      })
      return made.element
    })
  }

  /**
   * @param {Page} page
   * @param {Record<string, unknown>} wanted
   * @param {HTMLElement} list
   */
  #more({ source, cursor }, wanted, list) {
    if (!cursor) return []
    const generation = this.#generation
    const more = button(say('side.more'), async () => {
      more.disabled = true
      try {
        const { pages } = await this.satchel.post('/search', { ...wanted, source, cursor })
        if (generation !== this.#generation) return
        const [page] = pages
        if (page) list.append(...this.#found(page, wanted))
        more.replaceWith(...(page ? this.#more(page, wanted, list) : []))
      } catch (error) {
        more.disabled = false
        this.standing.warn(error)
      }
    })
    return [more]
  }

  /** The words of the marketplaces, asked for once somebody wants to choose one. */
  async #offerBases() {
    if (!this.#asksBases) return
    this.#asksBases = false
    try {
      const { sources } = await this.satchel.post('/base-models', {})
      const words = new Set(/** @type {string[]} */ (Object.values(sources).flat()))
      this.bases.replaceChildren(...[...words].map((word) => new Option(word, word)))
    } catch (error) {
      this.#asksBases = true
      this.standing.warn(error)
    }
  }
}

/**
 * @param {string} source
 * @returns {[string, string]}
 */
function titled(source) {
  return [source, sourceTitle(source)]
}

/**
 * @param {string} kind
 * @returns {[string, string]}
 */
function kindOption(kind) {
  return [kind, kindTitle(kind)]
}
