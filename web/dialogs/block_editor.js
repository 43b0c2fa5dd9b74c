/** Block weights by hand: bars, presets, random values, and the text that all of it comes to. */

import { isCancelled } from '../api.js'
import { SCALES, inverted, shares } from '../lib/block_values.js'
import { say } from '../lib/strings.js'
import { BlockBars, scaleLabel } from './block_bars.js'
import { BlockCurve } from './block_curve.js'
import { button, element, labelled } from './elements.js'
import { errorLines } from './error_lines.js'
import { Modal } from './modal.js'

/** @typedef {import('../types/satchel').Blocks} Blocks */
/** @typedef {import('../types/satchel').BlocksRequest} BlocksRequest */

/** So that a stroke of the pointer is not one request for each pixel. */
const PAINT_PAUSE_MS = 60
const TYPING_PAUSE_MS = 300
const MAX_SEED = 1_000_000

/**
 * @typedef {object} BlockEditorOptions
 * @property {import('../api.js').SatchelApi} satchel
 * @property {BlocksRequest} start the text as it is, and what tells the architecture
 * @property {string} name of the LoRA, for the title; empty without one
 * @property {(text: string) => void} apply
 */

/** @param {BlockEditorOptions} options */
export function openBlockEditor(options) {
  return new BlockEditor(options).open()
}

class BlockEditor {
  /** @type {Blocks | null} */
  #blocks = null
  /** Answers to older requests than this are not shown. */
  #asked = 0
  #pending = Promise.resolve()
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer
  /** What the timer is about to ask. @type {(() => void) | null} */
  #waiting = null
  /** Of which architecture the LoRA's norms are shown, or on their way. */
  #measured = ''
  #measuring = new AbortController()

  /** @param {BlockEditorOptions} options */
  constructor(options) {
    this.options = options
    this.request = { ...options.start }
    const title = options.name
      ? say('blocks.titleOf', { name: options.name })
      : say('blocks.title')
    this.modal = new Modal(title, () => this.#close())
    this.modal.root.classList.add('satchel-wide')
    this.scale = this.#scales()
    this.bars = new BlockBars(
      () => this.#painted(),
      (scale) => (this.scale.value = String(scale)),
    )
    this.curve = new BlockCurve(() => this.bars.values, (values) => this.bars.paintAll(values))
    this.legend = element('p', { class: 'satchel-help', hidden: '' })
    this.text = element('textarea', {
      class: 'satchel-field satchel-text',
      rows: '3',
      spellcheck: 'false',
      'aria-label': say('blocks.text'),
    })
    this.text.addEventListener('input', () => this.#later(() => this.#read(), TYPING_PAUSE_MS))
    this.architecture = element('select', { class: 'satchel-field' })
    this.architecture.addEventListener('change', () => {
      this.request = { ...this.request, architecture: this.architecture.value }
      this.#read()
    })
    this.presets = element('select', { class: 'satchel-field' })
    this.presets.addEventListener('change', () => this.#write(this.presets.value))
    this.seed = element('input', {
      class: 'satchel-field satchel-seed',
      type: 'number',
      min: '0',
      step: '1',
      value: '0',
    })
    this.seed.addEventListener('change', () => this.#write(randomText(this.seed.value)))
    this.applyButton = button(say('blocks.apply'), () => this.#apply(), 'satchel-main')
  }

  async open() {
    this.modal.open()
    this.modal.say(say('blocks.loading'), null)
    this.modal.body.replaceChildren(
      element(
        'div',
        { class: 'satchel-tools' },
        labelled(say('blocks.architecture'), this.architecture),
        labelled(say('blocks.preset'), this.presets),
        labelled(say('blocks.scale'), this.scale),
        this.#buttons(),
      ),
      this.bars.root,
      this.legend,
      this.curve.root,
      element('p', { class: 'satchel-help' }, say('blocks.help')),
      labelled(say('blocks.text'), this.text),
    )
    // Before it is there: a button that is disabled while it has the focus loses it to the graph.
    this.applyButton.disabled = true
    this.modal.showFooter(
      button(say('blocks.cancel'), () => this.#close()),
      this.applyButton,
    )
    await this.#ask(this.request)
    this.bars.focus()
    // From here on the text holds all of it.
    this.request = { ...this.request, before: '', seed: 0 }
  }

  #buttons() {
    const invert = () => this.bars.paintAll(inverted(this.bars.values))
    const reset = () => this.#write('')
    const random = () => {
      this.seed.value = String(Math.floor(Math.random() * MAX_SEED))
      this.#write(randomText(this.seed.value))
    }
    return element(
      'div',
      { class: 'satchel-buttons' },
      button(say('blocks.invert'), invert),
      button(say('blocks.reset'), reset),
      button(say('blocks.random'), random),
      labelled(say('blocks.seed'), this.seed),
    )
  }

  #scales() {
    const select = element('select', { class: 'satchel-field' })
    SCALES.forEach((_, scale) => select.append(new Option(scaleLabel(scale), String(scale))))
    select.addEventListener('change', () => this.bars.setScale(Number(select.value)))
    return select
  }

  /** Another text in the place of this one. @param {string} text */
  #write(text) {
    this.text.value = text
    this.#read()
  }

  #read() {
    this.#cancelTimer()
    return this.#ask({ ...this.request, text: this.text.value })
  }

  /** The text follows what was painted. */
  #painted() {
    this.presets.value = ''
    this.applyButton.disabled = false
    this.#later(() => {
      // A text without a meaning here has nothing that could be kept.
      const text = this.#blocks?.error ? '' : this.text.value
      this.#ask({ ...this.request, text, values: this.bars.named() })
    }, PAINT_PAUSE_MS)
  }

  /**
   * @param {() => void} act
   * @param {number} ms
   */
  #later(act, ms) {
    this.#cancelTimer()
    this.#waiting = act
    this.#timer = setTimeout(() => this.#flush(), ms)
  }

  #cancelTimer() {
    clearTimeout(this.#timer)
    this.#waiting = null
  }

  #flush() {
    const act = this.#waiting
    this.#cancelTimer()
    act?.()
  }

  /** @param {BlocksRequest} request */
  #ask(request) {
    this.#asked += 1
    const number = this.#asked
    this.#pending = this.options.satchel.blocks(request).then(
      (blocks) => {
        // Whoever paints on has newer numbers than this answer.
        if (number === this.#asked && this.#waiting === null) this.#show(blocks)
      },
      (error) => {
        if (number !== this.#asked) return
        const { message, lines } = errorLines(error)
        this.modal.say('')
        this.modal.warn(message, lines)
        this.applyButton.disabled = true
      },
    )
    return this.#pending
  }

  /** @param {Blocks} blocks */
  #show(blocks) {
    const first = this.#blocks === null
    this.#blocks = blocks
    if (document.activeElement !== this.text || first) this.text.value = blocks.text
    this.#fillArchitectures(blocks)
    this.#fillPresets(blocks)
    this.bars.show(blocks.slots)
    this.curve.show(blocks.slots)
    void this.#measure(blocks)
    this.modal.say(this.#standing(blocks))
    const { error, fits, lora_missing: missing, trained_for: trainedFor } = blocks
    if (error) this.modal.warn(error.message, [error.hint ?? '', say('blocks.unread')])
    else if (!fits) this.modal.warn(say('blocks.unfit', { title: trainedFor ?? '' }))
    else if (missing) this.modal.warn(say('picker.missing', { name: this.options.name }))
    else this.modal.warn()
    this.applyButton.disabled = error !== null
  }

  /** @param {Blocks} blocks */
  #standing({ architecture, architectures, told_by: toldBy, slots, error }) {
    if (toldBy === '') return say('blocks.toldBy.none')
    if (error === null && slots.some((slot) => slot.value === null)) return say('blocks.positional')
    const title = architectures.find(({ id }) => id === architecture)?.title ?? architecture
    return say(`blocks.toldBy.${toldBy}`, { title })
  }

  /** @param {Blocks} blocks */
  #fillArchitectures({ architecture, architectures }) {
    if (this.architecture.options.length === 0) {
      this.architecture.append(new Option(say('blocks.noArchitecture'), ''))
      for (const { id, title } of architectures) this.architecture.append(new Option(title, id))
    }
    this.architecture.value = architecture
  }

  /** @param {Blocks} blocks */
  #fillPresets({ presets }) {
    const chosen = this.presets.value
    const options = (/** @type {boolean} */ own) =>
      presets.filter((preset) => preset.own === own).map(({ name }) => new Option(name))
    /** @type {HTMLElement[]} */
    const groups = [
      element('optgroup', { label: say('blocks.presetsShipped') }, ...options(false)),
      element('optgroup', { label: say('blocks.presetsOwn') }, ...options(true)),
    ].filter((group) => group.childElementCount > 0)
    this.presets.replaceChildren(new Option(say('blocks.presetNone'), ''), ...groups)
    this.presets.value = presets.some(({ name }) => name === chosen) ? chosen : ''
  }

  /**
   * Shows how strong the LoRA is in each slot, once its tensors have been read.
   *
   * @param {Blocks} blocks
   */
  async #measure({ architecture, fits, lora_missing: missing }) {
    const { lora } = this.request
    if (!lora || missing || !fits || architecture === '' || architecture === this.#measured) return
    this.#measuring.abort()
    this.#measuring = new AbortController()
    const { signal } = this.#measuring
    this.#measured = architecture
    this.bars.showShares({})
    this.#sayNorms(say('blocks.measuring'))
    try {
      const { norms, unmeasured } = await this.options.satchel.blockNorms(lora, architecture, signal)
      if (signal.aborted) return
      this.bars.showShares(shares(norms))
      this.#sayNorms(
        say(unmeasured > 0 ? 'blocks.legendSome' : 'blocks.legend', { count: unmeasured }),
      )
    } catch (error) {
      if (signal.aborted || isCancelled(error)) return
      this.#sayNorms(say('blocks.unmeasured', { reason: errorLines(error).message }))
    }
  }

  /** @param {string} text */
  #sayNorms(text) {
    this.legend.textContent = text
    this.legend.hidden = false
  }

  #close() {
    this.#cancelTimer()
    this.#measuring.abort()
    this.modal.close()
  }

  async #apply() {
    this.#flush()
    await this.#pending
    if (this.applyButton.disabled) return
    this.#close()
    this.options.apply(this.text.value.trim())
  }
}

/** @param {string} seed */
function randomText(seed) {
  return `blocks=random(0,1), seed=${Math.max(0, Math.floor(Number(seed)) || 0)}`
}
