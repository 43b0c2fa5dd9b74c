/** What users do to the rows of a LoRA Stack node. */

import { openStackPresets } from '../../dialogs/stack_presets.js'
import { openTriggerWords } from '../../dialogs/words_panel.js'
import { allScaled, allToggled } from '../../lib/row_tags.js'
import { nameParts, withStrength } from '../../lib/row_view.js'
import { inputName, newRow, withMoved, withSkipToggled, withWindowToggled } from '../../lib/rows.js'
import { say } from '../../lib/strings.js'
import { editRowBlocks } from '../block_editing.js'
import { appendRows, readRows, rearrangeRows, replaceRows } from '../lora_rows.js'
import { addSocket, findWidget, removeSocket } from '../row_cells.js'
import { copyRows, keepRows, pastedRows, rowsOfText } from '../row_clipboard.js'
import { inputEntries, rowEntries, stackEntries } from '../row_menus.js'
import { KeptFocus } from './kept_focus.js'
import { openMenu } from './menu.js'
import { StackView } from './stack_view.js'

/** @typedef {import('../../types/comfy').Node} Node */
/** @typedef {import('../../lib/rows.js').Row} Row */
/** @typedef {import('../../lib/rows.js').Field} Field */
/** @typedef {import('./row_element.js').RowState} RowState */
/** @typedef {import('./row_element.js').RowEvents} RowEvents */
/** @typedef {import('./stack_controller.js').StackHost} StackHost */
/** @typedef {HTMLElement | {x: number, y: number}} Place */

/**
 * @typedef {object} StackDialogs
 * @property {(current: string, choose: (name: string) => void) => void} pick
 * @property {() => void} checkModels
 */

/**
 * @typedef {object} Shown what the list shows
 * @property {() => RowState[]} states
 * @property {() => void} refresh
 * @property {() => void} changed the same, and what was done is a step of undo
 */

const NOTICE_MS = 8000

const keptFocus = new KeptFocus()

export class StackEdits {
  /** Rows whose strengths stay apart though they are the same. @type {Set<number>} */
  apart = new Set()
  /** What the strengths were before they were scaled. @type {Row[] | null} */
  #unscaled = null
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #notice

  /**
   * @param {Node} node
   * @param {StackHost} host
   * @param {StackDialogs} dialogs
   * @param {Shown} shown
   */
  constructor(node, host, dialogs, shown) {
    this.node = node
    this.host = host
    this.dialogs = dialogs
    this.shown = shown
    this.view = new StackView(this.#events())
    this.view.root.addEventListener('keydown', (event) => {
      const isCommand = event.ctrlKey || event.metaKey
      if (isCommand && ['z', 'y'].includes(event.key.toLowerCase())) this.#keepFocus()
    })
  }

  /** The node has its saved rows. */
  loaded() {
    this.apart.clear()
    keptFocus.giveBack(this.node, this.view)
  }

  /** The node is gone. */
  removed() {
    clearTimeout(this.#notice)
  }

  /** @returns {import('./stack_view.js').StackEvents} */
  #events() {
    return {
      add: () => this.dialogs.pick('', (lora) => this.#append([newRow(lora)])),
      toggleAll: () => this.#replace(allToggled(this.#rows())),
      scaleAll: (factor, done) => this.#scale(factor, done),
      stackMenu: (place) => this.#stackMenu(place),
      row: (index) => this.#rowEvents(index),
      move: (from, to) => this.#rearrange(withMoved([...this.#rows().keys()], from, to)),
      duplicate: (index) => this.#duplicate(index),
      remove: (index) => this.#remove(index),
      copied: (index) => keepRows(this.#rows().slice(index, index + 1)),
      pasted: (text) => this.#paste(rowsOfText(text, this.host.names)),
      undo: () => this.#undo(),
    }
  }

  /**
   * @param {number} index
   * @returns {RowEvents}
   */
  #rowEvents(index) {
    return {
      toggle: () => this.#change(index, (row) => ({ ...row, on: !row.on })),
      choose: () => this.#choose(index),
      setNumber: (field, value, done) => this.#setNumber(index, field, value, done),
      linkStrengths: () => this.#linkStrengths(index),
      editBlocks: () => void editRowBlocks(this.node, index + 1, this.host.satchel, this.host.app),
      mend: () => this.#mend(index),
      endWindow: () => this.#change(index, withWindowToggled),
      endSkip: () => this.#change(index, withSkipToggled),
      menu: (place) => this.#rowMenu(index, place),
      drag: () => {},
      undo: () => this.#undo(),
    }
  }

  #rows() {
    return readRows(this.node)
  }

  /** After a change by the user. */
  #done() {
    this.view.say('')
    this.shown.changed()
  }

  /**
   * A new row at the end.
   *
   * @param {string} name with `/`; the host spells it with the separators of its system
   */
  add(name) {
    const listed = this.host.names.find((listed) => listed.replaceAll('\\', '/') === name)
    this.#append([newRow(listed ?? name)])
  }

  /** @param {Row[]} rows */
  #append(rows) {
    appendRows(this.node, rows, this.host.names)
    this.#done()
  }

  /** @param {Row[]} rows as many as there are */
  #replace(rows) {
    replaceRows(this.node, rows, this.host.names)
    this.#done()
  }

  /**
   * @param {number} index
   * @param {(row: Row) => Row} how
   */
  #change(index, how) {
    this.#replace(this.#rows().map((row, at) => (at === index ? how(row) : row)))
  }

  /** @param {number[]} order */
  #rearrange(order) {
    const apart = order.flatMap((old, index) => (this.apart.has(old) ? [index] : []))
    this.apart = new Set(apart)
    rearrangeRows(this.node, order, this.host.names)
    this.#done()
  }

  /** @param {number} index */
  #duplicate(index) {
    const rows = this.#rows()
    appendRows(this.node, [rows[index] ?? newRow('')], this.host.names)
    this.#rearrange(withMoved([...rows.keys(), rows.length], rows.length, index + 1))
    this.view.focusRow(index + 1)
  }

  /** @param {number} index */
  #remove(index) {
    const rows = this.#rows()
    const hadFocus = this.view.focus !== null
    this.#rearrange([...rows.keys()].filter((at) => at !== index))
    this.#sayRemoved(say('rows.removed', { name: nameParts(rows[index]?.lora ?? '').file }))
    if (hadFocus) this.view.focusRow(index)
  }

  /** @param {string} text */
  #sayRemoved(text) {
    this.view.say(text, true)
    clearTimeout(this.#notice)
    this.#notice = setTimeout(() => this.view.say(''), NOTICE_MS)
  }

  /** @param {number} index */
  #choose(index) {
    const { lora = '' } = this.#rows()[index] ?? {}
    this.dialogs.pick(lora, (name) => this.#change(index, (row) => ({ ...row, lora: name })))
  }

  /** @param {number} index */
  #mend(index) {
    const problem = this.shown.states()[index]?.problem
    if (problem === 'missing') this.dialogs.checkModels()
    else if (problem === 'blocks') this.#rowEvents(index).editBlocks()
    else this.#choose(index)
  }

  /**
   * @param {number} index
   * @param {'strength_model' | 'strength_clip' | 'start' | 'stop'} field
   * @param {number} value
   * @param {boolean} done
   */
  #setNumber(index, field, value, done) {
    const state = this.shown.states()[index]
    if (!state) return
    const { row, isLinked } = state
    const isStrength = field === 'strength_model' || field === 'strength_clip'
    const changed = isStrength ? withStrength(row, field, value, isLinked) : { ...row, [field]: value }
    // One that was apart stays so while it passes the other one's value.
    if (!isLinked && isStrength) this.apart.add(index)
    for (const name of /** @type {const} */ (['strength_model', 'strength_clip', 'start', 'stop'])) {
      const widget = findWidget(this.node, name, index + 1)
      if (widget && widget.value !== changed[name]) widget.value = changed[name]
    }
    this.node.setDirtyCanvas(true, true)
    if (done) this.#done()
  }

  /** @param {number} index */
  #linkStrengths(index) {
    const state = this.shown.states()[index]
    if (!state) return
    if (state.isLinked) this.apart.add(index)
    else this.apart.delete(index)
    if (state.isLinked) this.shown.refresh()
    else this.#change(index, (row) => ({ ...row, strength_clip: row.strength_model }))
  }

  /**
   * @param {number} factor
   * @param {boolean} done
   */
  #scale(factor, done) {
    this.#unscaled ??= this.#rows()
    const rows = allScaled(this.#unscaled, factor)
    if (done) this.#unscaled = null
    if (done) this.#replace(rows)
    else replaceRows(this.node, rows, this.host.names)
  }

  /**
   * @param {number} index
   * @param {Place} place
   */
  #rowMenu(index, place) {
    const { row, isLinked, problem } = this.shown.states()[index] ?? {}
    if (!row) return
    const events = this.#rowEvents(index)
    const order = [...this.#rows().keys()]
    const { file } = nameParts(row.lora)
    const entries = rowEntries(
      { row, index, count: order.length, isLinked: isLinked ?? true, isMissing: problem === 'missing' },
      {
        checkModels: this.dialogs.checkModels,
        choose: events.choose,
        editBlocks: events.editBlocks,
        linkStrengths: events.linkStrengths,
        toggleWindow: events.endWindow,
        toggleSkip: events.endSkip,
        move: (by) => {
          this.#rearrange(withMoved(order, index, index + by))
          this.view.focusRow(index + by)
        },
        duplicate: () => this.#duplicate(index),
        copy: () => void this.#copy([row]),
        remove: () => this.#remove(index),
        inputs: () => this.#inputsMenu(index, row, place),
      },
    )
    openMenu(say('rows.menuOf', { name: file }), entries, place)
  }

  /**
   * @param {number} index
   * @param {Row} row
   * @param {Place} place
   */
  #inputsMenu(index, row, place) {
    const { node } = this
    const has = (/** @type {Field} */ field) =>
      node.inputs.some(({ name }) => name === inputName(field, index + 1))
    const entries = inputEntries(row, has, (field) => {
      if (has(field)) removeSocket(node, field, index + 1)
      else addSocket(node, field, index + 1)
      this.#done()
    })
    openMenu(say('rows.inputs'), entries, place)
  }

  /** @param {Place} place */
  #stackMenu(place) {
    const entries = stackEntries(this.#rows(), {
      toggleAll: () => this.#replace(allToggled(this.#rows())),
      scaleAll: (factor) => this.#scale(factor, true),
      copyAll: () => void this.#copy(this.#rows()),
      paste: async () => this.#paste(await pastedRows(this.host.names)),
      presets: () => {
        const { app, satchel, names } = this.host
        void openStackPresets(this.node, app, satchel, names)
      },
      words: () => {
        const { app, satchel, names } = this.host
        void openTriggerWords(this.node, app, satchel, names)
      },
      removeAll: () => {
        this.#rearrange([])
        this.#sayRemoved(say('rows.allRemoved'))
      },
    })
    openMenu(say('rows.stackMenu'), entries, place)
  }

  /** @param {Row[]} rows */
  async #copy(rows) {
    await copyRows(rows)
    this.#tell('success', say('rows.copied'), say('rows.copiedDetail'))
  }

  /** @param {{rows: Row[], refused: string[]}} pasted */
  #paste({ rows, refused }) {
    if (rows.length > 0) this.#append(rows)
    const tags = refused.join(' ')
    if (tags !== '') this.#tell('warn', say('rows.refused'), say('rows.refusedDetail', { tags }))
    else if (rows.length === 0) this.#tell('info', say('rows.nothing'), say('rows.nothingDetail'))
  }

  /**
   * @param {'success' | 'info' | 'warn'} severity
   * @param {string} summary
   * @param {string} detail
   */
  #tell(severity, summary, detail) {
    this.host.app.extensionManager.toast.add({ severity, summary, detail, life: 6000 })
  }

  #undo() {
    this.#keepFocus()
    void this.host.app.extensionManager.command.execute('Comfy.Undo')
  }

  #keepFocus() {
    keptFocus.keep(this.node, this.view)
  }
}
