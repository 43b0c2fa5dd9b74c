/** Everything about one file of the library, with the notes that its user writes. */

import { button, element } from '../dialogs/elements.js'
import { errorLines } from '../dialogs/error_lines.js'
import { safeLink, wordsOf } from '../lib/library.js'
import { nameParts } from '../lib/row_view.js'
import { sourceTitle } from '../lib/side_view.js'
import { say } from '../lib/strings.js'
import { copies, description, digests, facts, pictureOf, plainList, section } from './library_sections.js'

/** @typedef {import('../types/satchel').LibraryModel} LibraryModel */
/** @typedef {import('../types/satchel').LibraryDetails} Details */
/** @typedef {import('../types/satchel').LibrarySource} Source */

/**
 * @typedef {object} DetailEvents
 * @property {() => void} back
 * @property {() => void} send puts a LoRA into the graph
 * @property {(tag: string) => void} showTag
 * @property {(file: {directory: string, name: string}) => void} open
 * @property {() => void} noted called when a note was kept
 */

/** What is shown of a file, and asked for: at once what the grid knows, the rest as it comes. */
export class LibraryDetailsView {
  /**
   * @param {LibraryModel} model
   * @param {string} picture its address; empty without one
   * @param {import('../api.js').SatchelApi} satchel
   * @param {DetailEvents} events
   */
  constructor(model, picture, satchel, events) {
    this.model = model
    this.satchel = satchel
    this.events = events
    this.file = { kind: model.directory, name: model.name }
    const { folder, file } = nameParts(model.name)
    this.heading = element('h3', { tabindex: '-1' }, model.title || file)
    this.status = element('p', { class: 'satchel-lib-status', role: 'status' })
    this.body = element('div', { class: 'satchel-sections' })
    const back = button('', events.back, 'satchel-corner pi pi-arrow-left')
    back.setAttribute('aria-label', say('side.lib.back'))
    back.title = say('side.lib.back')
    this.root = element(
      'div',
      { class: 'satchel-detail' },
      element('div', { class: 'satchel-detail-head' }, back, this.heading),
      this.status,
      ...(picture ? [pictureOf(picture)] : []),
      element('p', { class: 'satchel-path' }, element('span', { class: 'satchel-folder' }, folder), model.name.slice(folder.length)),
      this.body,
    )
    this.root.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || event.isComposing || event.target instanceof HTMLTextAreaElement) return
      event.stopPropagation()
      events.back()
    })
  }

  async load() {
    this.status.textContent = say('side.lib.loading')
    try {
      const details = await this.satchel.libraryDetails(this.file)
      this.status.textContent = ''
      this.body.replaceChildren(...this.#sections(details))
    } catch (error) {
      this.#fail(error)
    }
  }

  /**
   * @param {Details} told
   * @returns {HTMLElement[]}
   */
  #sections(told) {
    return [
      this.#actions(told),
      facts(this.model, told),
      ...this.#newer(told),
      ...this.#words(told),
      this.#notes(told),
      ...this.#tags(told),
      ...copies(told, this.events),
      this.#usedIn(),
      ...digests(told, (hex) => this.#copy(hex)),
      ...description(told),
    ]
  }

  /** @param {Details} told */
  #actions(told) {
    const links = told.sources.flatMap(({ source, page }) => {
      const href = safeLink(page)
      if (!href) return []
      const label = say('side.lib.openOn', { source: sourceTitle(source) })
      const icon = element('i', { class: 'pi pi-external-link', 'aria-hidden': 'true' })
      const attributes = { class: 'satchel-button', href, target: '_blank', rel: 'noopener noreferrer' }
      return [element('a', attributes, label, ' ', icon)]
    })
    const send = button(say('side.lib.send'), this.events.send, 'satchel-main')
    send.title = say('side.lib.sendHint')
    const isLora = this.model.directory === 'loras'
    return element('div', { class: 'satchel-lib-buttons' }, ...(isLora ? [send] : []), ...links)
  }

  /** @param {Details} told */
  #newer(told) {
    if (told.newer.length === 0) return []
    const items = told.newer.map((version) => {
      const about = [version.version, version.base_model, (version.published_at ?? '').slice(0, 10)]
      const get = button(say('side.lib.get'), () => this.#get(version, get))
      get.setAttribute('aria-label', say('side.lib.getVersion', { version: version.version }))
      const href = safeLink(version.page)
      const text = about.filter(Boolean).join(' \u00b7 ')
      const attributes = { href, target: '_blank', rel: 'noopener noreferrer' }
      const name = href ? element('a', attributes, text) : element('span', {}, text)
      return element('li', {}, name, ...(referenceOf(version) ? [get] : []))
    })
    return [section(say('side.lib.newer'), element('ul', { class: 'satchel-lines-list' }, ...items))]
  }

  /**
   * @param {Source} version
   * @param {HTMLButtonElement} get
   */
  async #get(version, get) {
    // Disabling it would take the focus away.
    if (get.getAttribute('aria-disabled') === 'true') return
    get.setAttribute('aria-disabled', 'true')
    try {
      await this.satchel.queueDownload(referenceOf(version), this.model.directory)
      this.status.textContent = say('side.lib.queued', { version: version.version })
    } catch (error) {
      get.removeAttribute('aria-disabled')
      this.#fail(error)
    }
  }

  /** @param {Details} told */
  #words(told) {
    const words = told.trigger_words
    if (words.length === 0) return []
    const chips = words.map((word) => {
      const chip = button(word, () => this.#copy(word), 'satchel-word')
      chip.title = say('side.lib.copyWord')
      return chip
    })
    const all = button(say('side.lib.copyAll'), () => this.#copy(words.join(', ')))
    return [section(say('side.lib.words'), element('div', { class: 'satchel-words' }, ...chips, ...(words.length > 1 ? [all] : [])))]
  }

  /** @param {Details} told */
  #notes(told) {
    const text = element('textarea', { class: 'satchel-field satchel-note', rows: '4', 'aria-label': say('side.lib.note') })
    text.value = told.note.text
    const words = element('input', {
      class: 'satchel-field', type: 'text', 'aria-label': say('side.lib.ownWords'),
      placeholder: say('side.lib.ownWordsHint'),
    })
    words.value = told.note.trigger_words.join(', ')
    const save = button(say('side.lib.save'), () => void keep())
    const said = element('span', { role: 'status' })
    const changed = () => {
      said.textContent = ''
    }
    text.addEventListener('input', changed)
    words.addEventListener('input', changed)
    const keep = async () => {
      try {
        const note = { text: text.value, trigger_words: wordsOf(words.value) }
        await this.satchel.saveNote(this.file, note)
        said.textContent = say('side.lib.saved')
        this.events.noted()
      } catch (error) {
        said.textContent = errorLines(error).message
      }
    }
    const others = told.notes.filter(({ origin }) => origin !== 'user')
    return section(
      say('side.lib.notes'),
      text,
      element('label', { class: 'satchel-labelled' }, element('span', {}, say('side.lib.ownWords')), words),
      element('div', { class: 'satchel-lib-buttons' }, save, said),
      ...others.map((note) =>
        element('blockquote', {}, element('cite', {}, note.origin), element('p', {}, note.text)),
      ),
    )
  }

  /** @param {Details} told */
  #tags(told) {
    if (told.tags.length === 0) return []
    const chips = told.tags.map((tag) => button(tag, () => this.events.showTag(tag), 'satchel-word'))
    return [section(say('side.lib.tags'), element('div', { class: 'satchel-words' }, ...chips))]
  }

  #usedIn() {
    const place = element('div', { role: 'status' }, say('side.lib.usedInLoading'))
    const show = async () => {
      try {
        const { workflows } = await this.satchel.usedIn(this.file)
        if (workflows === null) place.textContent = say('side.lib.usedInUnknown')
        else if (workflows.length === 0) place.textContent = say('side.lib.usedInNone')
        else place.replaceChildren(plainList(workflows.map((name) => name.replace(/\.json$/, ''))))
      } catch (error) {
        place.textContent = errorLines(error).message
      }
    }
    void show()
    return section(say('side.lib.usedIn'), place)
  }

  /** @param {string} text */
  async #copy(text) {
    try {
      await navigator.clipboard.writeText(text)
      this.status.textContent = say('side.lib.copied', { text })
    } catch {
      // Pages that are not served over https have no clipboard; the text can be selected.
      this.status.textContent = say('side.lib.noClipboard')
    }
  }

  /** @param {unknown} error */
  #fail(error) {
    const { message, lines } = errorLines(error)
    this.status.textContent = [message, ...lines].filter(Boolean).join(' ')
  }
}

/**
 * What the server can resolve: lists of a model's versions tell no AIR, but a page.
 *
 * @param {Source} version
 */
function referenceOf(version) {
  return version.air || version.page || ''
}
