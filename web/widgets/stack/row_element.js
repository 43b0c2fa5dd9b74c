/** One row on the page: it draws what it is told to, and tells what was done to it. */

import { element } from '../../dialogs/elements.js'
import { PARTS, STRENGTHS, nameParts, sparkline } from '../../lib/row_view.js'
import { say } from '../../lib/strings.js'
import { NumberField } from './number_field.js'

/** @typedef {import('../../lib/rows.js').Row} Row */
/** @typedef {import('../../lib/rows.js').Field} Field */
/** @typedef {import('../../lib/row_view.js').ProblemKind} ProblemKind */
/** @typedef {import('../../lib/row_view.js').RowFacts} RowFacts */

const CHIP = { width: 40, height: 14 }

/**
 * @typedef {object} RowState all that a row shows
 * @property {Row} row
 * @property {number} number from 1
 * @property {boolean} isLinked one strength for both
 * @property {ReadonlySet<Field>} fed fields whose value comes from a link
 * @property {ProblemKind} problem
 * @property {RowFacts | null} facts
 */

/**
 * @typedef {object} RowEvents
 * @property {() => void} toggle
 * @property {() => void} choose
 * @property {(field: 'strength_model' | 'strength_clip' | 'start' | 'stop', value: number, done: boolean) => void} setNumber
 * @property {() => void} linkStrengths
 * @property {() => void} editBlocks
 * @property {() => void} mend
 * @property {() => void} endWindow
 * @property {() => void} endSkip
 * @property {(place: HTMLElement | {x: number, y: number}) => void} menu
 * @property {(event: PointerEvent) => void} drag
 * @property {() => void} undo
 */

export class RowElement {
  /** What it shows now, so that only what changed is drawn. @type {Map<string, unknown>} */
  #drawn = new Map()

  /** @param {RowEvents} events */
  constructor(events) {
    this.grip = iconButton('satchel-grip', 'pi-bars', () => {})
    this.grip.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return
      this.grip.focus({ preventScroll: true })
      events.drag(event)
    })
    this.toggle = pressable(element('button', { type: 'button', class: 'satchel-switch', role: 'switch' }), events.toggle)
    this.file = element('span', { class: 'satchel-file' })
    this.folder = element('span', { class: 'satchel-row-folder' })
    this.name = pressable(
      element('button', { type: 'button', class: 'satchel-row-name' }, this.file, this.folder),
      events.choose,
    )
    this.mend = pressable(element('button', { type: 'button', class: 'satchel-mend' }), events.mend)
    this.chip = pressable(element('button', { type: 'button', class: 'satchel-chip' }), events.editBlocks)
    this.model = numberField('strength_model', STRENGTHS, 1, events)
    this.link = iconButton('satchel-link', 'pi-link', events.linkStrengths)
    this.clip = numberField('strength_clip', STRENGTHS, 1, events)
    this.more = iconButton('satchel-more', 'pi-ellipsis-v', () => events.menu(this.more))
    this.more.setAttribute('aria-haspopup', 'menu')
    this.line = element(
      'div',
      { class: 'satchel-row-line' },
      ...[this.grip, this.toggle, this.name, this.mend, this.chip],
      ...[this.model.root, this.link, this.clip.root, this.more],
    )
    this.start = numberField('start', PARTS, 0, events)
    this.stop = numberField('stop', PARTS, 1, events)
    this.window = element(
      'span',
      { class: 'satchel-window' },
      ...[say('rows.from'), this.start.root, say('rows.to'), this.stop.root],
      iconButton('satchel-end', 'pi-times', events.endWindow, say('rows.allSteps')),
    )
    this.skip = element(
      'span',
      { class: 'satchel-skip' },
      say('rows.skipped'),
      iconButton('satchel-end', 'pi-times', events.endSkip, say('rows.stopIfUnfit')),
    )
    this.settings = element('div', { class: 'satchel-row-settings' }, this.window, this.skip)
    this.root = element('li', { class: 'satchel-row' }, this.line, this.settings)
    this.root.addEventListener('contextmenu', (event) => {
      event.preventDefault()
      event.stopPropagation()
      events.menu({ x: event.clientX, y: event.clientY })
    })
  }

  /** Its controls in the order of Tab, as far as they are there. */
  get controls() {
    const all = [this.grip, this.toggle, this.name, this.mend, this.chip, this.model.root]
    const settings = [...this.settings.querySelectorAll('input, button')]
    const rest = [this.link, this.clip.root, this.more, ...settings]
    return /** @type {HTMLElement[]} */ ([...all, ...rest])
  }

  /** @param {RowState} state */
  show(state) {
    const { row, number, isLinked, fed, problem } = state
    const { file, folder } = nameParts(row.lora)
    const name = file || say('rows.noFile')
    this.#attribute(this.root, 'data-off', row.on ? null : '')
    this.#attribute(this.root, 'data-problem', problem === 'none' ? null : problem)
    this.#showName(state, name, folder)
    this.#label(this.grip, say('rows.grip', { number, name }), say('rows.gripHelp'))
    this.#attribute(this.toggle, 'aria-checked', String(row.on))
    this.#label(this.toggle, say('rows.on', { name }), fedTitle(fed, 'on', say('rows.tip.on')))
    this.toggle.disabled = fed.has('on')
    this.#showChip(state, name)
    this.#showStrengths(state, name)
    const linkLabel = say(isLinked ? 'rows.unlink' : 'rows.link')
    this.#label(this.link, linkLabel, linkLabel)
    this.#attribute(this.link, 'aria-pressed', String(isLinked))
    this.#label(this.more, say('rows.menuOf', { name }), say('rows.menu'))
    this.#showSettings(state, name)
  }

  /** @param {boolean} isActive whether Tab stops in this row */
  setActive(isActive) {
    for (const control of this.controls) control.tabIndex = isActive ? 0 : -1
  }

  /**
   * @param {RowState} state
   * @param {string} name
   * @param {string} folder
   */
  #showName({ row, fed, problem, facts }, name, folder) {
    const title = facts?.trainedFor ?? ''
    const why = {
      none: '',
      empty: '',
      missing: say('rows.missing'),
      unfit: say('rows.unfit', { title }),
      blocks: say('rows.badBlocks'),
    }[problem]
    const reason = {
      none: '',
      empty: say('rows.emptyWhy'),
      missing: say('picker.missing', { name: row.lora }),
      unfit: say('blocks.unfit', { title }),
      blocks: facts?.blocksError ?? '',
    }[problem]
    this.#text(this.file, name)
    this.#text(this.folder, why || folder)
    const label = reason === '' ? say('rows.choose', { name }) : `${say('rows.choose', { name })} ${reason}`
    const hover = [row.lora || name, reason].filter(Boolean).join('\n')
    this.#label(this.name, label, fedTitle(fed, 'lora', hover))
    this.name.disabled = fed.has('lora')
    const needsMending = problem !== 'none' && !(problem === 'missing' && !row.on)
    this.#attribute(this.mend, 'hidden', needsMending ? null : '')
    if (!needsMending) return
    const mend = say(`rows.mend.${problem}`)
    this.#text(this.mend, mend)
    this.#label(this.mend, `${mend}: ${name}`, reason)
  }

  /**
   * @param {RowState} state
   * @param {string} name
   */
  #showChip({ row, fed, facts, problem }, name) {
    const values = row.blocks === '' ? null : (facts?.weights ?? null)
    const kind = row.blocks === '' ? 'all' : values ? 'drawn' : 'text'
    this.#attribute(this.chip, 'data-kind', fed.has('blocks') ? 'fed' : kind)
    // A row that cannot act has room for why instead.
    this.#attribute(this.chip, 'hidden', row.blocks === '' && problem !== 'none' ? '' : null)
    const weights = row.blocks === '' ? say('rows.allBlocks') : row.blocks
    this.#label(this.chip, say('rows.blocksOf', { name, weights }), fedTitle(fed, 'blocks', say('rows.chip', { weights })))
    this.chip.disabled = fed.has('blocks')
    const path = sparkline(values ?? [1], CHIP.width, CHIP.height)
    if (this.#drawn.get('chip') === `${kind}${path}`) return
    this.#drawn.set('chip', `${kind}${path}`)
    if (kind === 'text') this.chip.textContent = say('rows.asText')
    else this.chip.replaceChildren(drawing(path))
  }

  /**
   * @param {RowState} state
   * @param {string} name
   */
  #showStrengths({ row, isLinked, fed }, name) {
    this.#attribute(this.root, 'data-apart', isLinked ? null : '')
    const both = isLinked ? 'both' : 'model'
    const model = say(`rows.strength.${both}`)
    const clip = say('rows.strength.clip')
    const help = say('rows.numberHelp')
    const isFed = fed.has('strength_model') || (isLinked && fed.has('strength_clip'))
    this.model.show(
      row.strength_model,
      `${model}, ${name}`,
      isFed ? say('rows.fed') : `${model}\n${help}`,
      isFed,
    )
    const isClipFed = fed.has('strength_clip')
    this.clip.show(
      row.strength_clip,
      `${clip}, ${name}`,
      isClipFed ? say('rows.fed') : `${clip}\n${help}`,
      isClipFed,
    )
  }

  /**
   * @param {RowState} state
   * @param {string} name
   */
  #showSettings({ row, fed }, name) {
    const hasWindow = row.start !== undefined
    const skips = row.on_mismatch === 'skip'
    this.#attribute(this.settings, 'hidden', hasWindow || skips ? null : '')
    this.#attribute(this.window, 'hidden', hasWindow ? null : '')
    this.#attribute(this.skip, 'hidden', skips ? null : '')
    if (!hasWindow) return
    for (const field of /** @type {const} */ (['start', 'stop'])) {
      const label = `${say(`rows.field.${field}`)}, ${name}`
      const title = fed.has(field) ? say('rows.fed') : say(`rows.tip.${field}`)
      this[field].show(row[field] ?? (field === 'stop' ? 1 : 0), label, title, fed.has(field))
    }
  }

  /**
   * @param {HTMLElement} target
   * @param {string} label
   * @param {string} title
   */
  #label(target, label, title) {
    this.#attribute(target, 'aria-label', label)
    this.#attribute(target, 'title', title)
  }

  /**
   * @param {HTMLElement} target
   * @param {string} name
   * @param {string | null} value
   */
  #attribute(target, name, value) {
    if (target.getAttribute(name) === value) return
    if (value === null) target.removeAttribute(name)
    else target.setAttribute(name, value)
  }

  /**
   * @param {HTMLElement} target
   * @param {string} text
   */
  #text(target, text) {
    if (target.textContent !== text) target.textContent = text
  }
}

/**
 * @param {ReadonlySet<Field>} fed
 * @param {Field} field
 * @param {string} title
 */
function fedTitle(fed, field, title) {
  return fed.has(field) ? say('rows.fed') : title
}

/** @param {string} path */
function drawing(path) {
  const space = 'http://www.w3.org/2000/svg'
  const svg = document.createElementNS(space, 'svg')
  svg.setAttribute('viewBox', `0 0 ${CHIP.width} ${CHIP.height}`)
  svg.setAttribute('preserveAspectRatio', 'none')
  svg.setAttribute('aria-hidden', 'true')
  const shape = document.createElementNS(space, 'path')
  shape.setAttribute('d', path)
  svg.append(shape)
  return svg
}

/**
 * @param {'strength_model' | 'strength_clip' | 'start' | 'stop'} field
 * @param {import('../../lib/row_view.js').Range} range
 * @param {number} initial
 * @param {RowEvents} events
 */
function numberField(field, range, initial, events) {
  return new NumberField({
    className: `satchel-${field.replace('_', '-')}`,
    range,
    initial,
    change: (value, done) => events.setNumber(field, value, done),
    undo: events.undo,
  })
}

/**
 * A button that does not take the focus from where it is when the mouse presses it.
 *
 * @param {HTMLButtonElement} made
 * @param {() => void} press
 */
function pressable(made, press) {
  made.addEventListener('mousedown', (event) => event.preventDefault())
  made.addEventListener('click', press)
  return made
}

/**
 * @param {string} className
 * @param {string} icon of PrimeIcons
 * @param {() => void} press
 * @param {string} [label]
 */
export function iconButton(className, icon, press, label = '') {
  const mark = element('span', { class: `pi ${icon}`, 'aria-hidden': 'true' })
  /** @type {Record<string, string>} */
  const named = label === '' ? {} : { 'aria-label': label, title: label }
  const made = element('button', { type: 'button', class: `satchel-icon ${className}`, ...named }, mark)
  return pressable(made, press)
}
