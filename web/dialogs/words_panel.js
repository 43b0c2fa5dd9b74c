/**
 * Trigger words of a stack's LoRAs as chips. A click puts a word into the prompt that was edited last.
 * The panel is not modal: prompt and cursor stay in sight and in use.
 */

import { holds, insertion, phrases, removal } from '../lib/word_places.js'
import { shortName } from '../lib/rows.js'
import { rowsHere, savedRows } from '../lib/stack_presets.js'
import { say } from '../lib/strings.js'
import { readRows } from '../widgets/lora_rows.js'
import { lastText, titleOf, typeInto } from '../widgets/text_cursor.js'
import { markStep } from '../widgets/undo.js'
import { button, element, loadStyles } from './elements.js'
import { errorLines } from './error_lines.js'

/** @typedef {import('../types/comfy').ComfyApp} ComfyApp */
/** @typedef {import('../types/comfy').Node} Node */
/** @typedef {import('../types/satchel').KnownWords} KnownWords */

/** Who says so, in words of their own. */
const ORIGINS = /** @type {const} */ (['user', 'header', 'civitai', 'huggingface'])

/** The one that is open. @type {WordsPanel | null} */
let opened = null

/**
 * @param {Node} node a LoRA Stack
 * @param {ComfyApp} app
 * @param {import('../api.js').SatchelApi} satchel
 * @param {readonly string[]} names of all LoRA files
 */
export function openTriggerWords(node, app, satchel, names) {
  opened?.close()
  opened = new WordsPanel(node, app, satchel, names)
  return opened.open()
}

class WordsPanel {
  /** @type {HTMLButtonElement[]} */
  #chips = []
  #watching = new AbortController()

  /**
   * @param {Node} node
   * @param {ComfyApp} app
   * @param {import('../api.js').SatchelApi} satchel
   * @param {readonly string[]} names
   */
  constructor(node, app, satchel, names) {
    loadStyles()
    this.names = names
    this.node = node
    this.app = app
    this.satchel = satchel
    const corner = button('', () => this.close(), 'satchel-corner')
    corner.setAttribute('aria-label', say('words.close'))
    corner.append(element('i', { class: 'pi pi-times', 'aria-hidden': 'true' }))
    this.corner = corner
    this.status = element('p', { class: 'satchel-help', role: 'status' })
    this.body = element('div', { class: 'satchel-words-body' })
    this.root = element(
      'section',
      { class: 'satchel-notice satchel-words', role: 'dialog', 'aria-label': say('words.open') },
      element('header', {}, element('h2', { class: 'satchel-notice-title' }, say('words.open')), corner),
      this.status,
      this.body,
    )
    this.root.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && !event.isComposing) this.close()
      event.stopPropagation() // the host's key bindings must not act on the graph
    })
    // A pressed chip must not take the cursor out of the prompt.
    this.root.addEventListener('pointerdown', (event) => event.preventDefault())
    this.root.addEventListener('mousedown', (event) => event.preventDefault())
  }

  async open() {
    document.body.append(this.root)
    const { signal } = this.#watching
    for (const type of ['focusin', 'input']) {
      document.addEventListener(type, () => this.#standing(), { signal })
    }
    this.corner.focus()
    const loras = this.#loras()
    if (loras.length === 0) return this.#say(say('words.noLoras'))
    this.#say(say('words.loading'))
    try {
      this.#show(await this.satchel.wordsOf(loras))
    } catch (error) {
      const { message, lines } = errorLines(error)
      this.#say([message, ...lines].join(' '))
    }
  }

  /** The stack's files that are here: of others nothing is known. */
  #loras() {
    const here = new Set(this.names)
    const loras = rowsHere(savedRows(readRows(this.node)), this.names).map(({ lora }) => lora)
    return [...new Set(loras)].filter((lora) => here.has(lora))
  }

  /** @param {KnownWords[]} loras */
  #show(loras) {
    const sections = loras.map((lora) => this.#section(lora)).filter((section) => section !== null)
    this.body.replaceChildren(...sections)
    if (sections.length === 0) return this.#say(say('words.none'))
    this.#standing()
    this.#chips[0]?.focus()
  }

  /** @param {KnownWords} lora */
  #section({ name, words_by_origin: said }) {
    /** @type {Set<string>} */
    const shown = new Set()
    const groups = said.flatMap(({ origin, words }) => {
      const chips = phrases(words)
        .filter((word) => !shown.has(word.toLowerCase()))
        .map((word) => this.#chip(word))
      phrases(words).forEach((word) => shown.add(word.toLowerCase()))
      if (chips.length === 0) return []
      return [element('div', { class: 'satchel-words-chips' }, element('small', {}, originName(origin)), ...chips)]
    })
    if (groups.length === 0) return null
    return element(
      'section',
      { 'aria-label': shortName(name) },
      element('h3', { title: name }, shortName(name)),
      ...groups,
    )
  }

  /** @param {string} word */
  #chip(word) {
    const chip = button(word, () => {}, 'satchel-chip')
    chip.dataset.word = word
    chip.setAttribute('aria-pressed', 'false')
    chip.addEventListener('click', (event) => {
      this.#press(word)
      if (event.detail === 0) chip.focus() // pressed by a key: the next one is a key away
    })
    this.#chips.push(chip)
    return chip
  }

  /** @param {string} word */
  #press(word) {
    const text = lastText()
    if (!text) return void this.#copy(word)
    const name = titleOf(text, this.app) || say('words.text')
    const removed = removal(text.value, word)
    typeInto(text, removed ?? insertion(text.value, text.selectionStart, text.selectionEnd, word))
    markStep(this.app)
    this.#standing()
    this.#say(say(removed ? 'words.removed' : 'words.inserted', { word, name }))
  }

  /** @param {string} word */
  async #copy(word) {
    const done = await navigator.clipboard?.writeText(word).then(
      () => true,
      () => false,
    )
    this.#say(say(done ? 'words.copied' : 'words.notCopied', { word }))
  }

  /** Which words are in the prompt, and where a click puts others. */
  #standing() {
    const text = lastText()
    for (const chip of this.#chips) {
      const isThere = text !== null && holds(text.value, chip.dataset.word ?? '')
      chip.setAttribute('aria-pressed', String(isThere))
    }
    if (this.#chips.length === 0) return
    const name = text && (titleOf(text, this.app) || say('words.text'))
    this.#say(name ? say('words.target', { name }) : say('words.noTarget'))
  }

  /** @param {string} text */
  #say(text) {
    if (this.status.textContent !== text) this.status.textContent = text
  }

  close() {
    this.#watching.abort()
    this.root.remove()
    if (opened === this) opened = null
  }
}

/** @param {string} origin */
function originName(origin) {
  const known = ORIGINS.find((name) => name === origin)
  return known ? say(`words.from.${known}`) : say('words.from.other', { origin })
}
