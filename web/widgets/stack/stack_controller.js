/** Between the rows of a LoRA Stack node and the list that shows them. */

import { loadStyles } from '../../dialogs/elements.js'
import { connectedModel } from '../../lib/connected_model.js'
import { problemOf } from '../../lib/row_view.js'
import { parseInputName } from '../../lib/rows.js'
import { readRows } from '../lora_rows.js'
import { markStepSoon } from '../undo.js'
import { letThroughToCanvas } from './canvas_events.js'
import { StackEdits } from './stack_edits.js'
import { heightOf } from './stack_view.js'

/** @typedef {import('../../types/comfy').Node} Node */
/** @typedef {import('../../lib/rows.js').Row} Row */
/** @typedef {import('../../lib/rows.js').Field} Field */
/** @typedef {import('./row_element.js').RowState} RowState */

/**
 * @typedef {object} StackHost what all stacks of the page share
 * @property {import('../../types/comfy').ComfyApp} app
 * @property {import('../../api.js').SatchelApi} satchel
 * @property {string[]} names the list of LoRA files, which may change
 * @property {import('../../lib/row_view.js').KnownNames} known
 * @property {import('./row_facts.js').RowFactsBook} facts
 */

/** The list's widget, which is neither saved nor queued. */
const WIDGET = 'stack'
const MARGIN = 8
/** A widget of the host with the gap below it. */
const NATIVE_HEIGHT = 24

let made = 0

export class StackController {
  #height = heightOf([])
  /** Rows' sockets, each of which has a widget of the host. */
  #sockets = 0
  /** Which rows miss what, as the host knows. */
  #missing = ''
  #isWaiting = false

  /**
   * @param {Node} node
   * @param {StackHost} host
   * @param {import('./stack_edits.js').StackDialogs} dialogs
   */
  constructor(node, host, dialogs) {
    this.node = node
    this.host = host
    loadStyles('stack.css')
    this.edits = new StackEdits(node, host, dialogs, {
      states: () => this.#states(),
      refresh: () => this.#refresh(),
      changed: () => this.#changed(),
    })
    this.view = this.edits.view
    letThroughToCanvas(this.view.root, () => host.app.canvas)
    this.#addWidget()
    this.#follow()
    this.#refresh()
  }

  #addWidget() {
    const height = () => this.#height + 2 * MARGIN
    made += 1
    // By its type Nodes 2.0 tells one list from another: after undo the node has a new one.
    const widget = this.node.addDOMWidget(WIDGET, `satchel-stack-${made}`, this.view.root, {
      serialize: false,
      hideOnZoom: false,
      hideInPanel: true, // where the host would take the list out of the node
      margin: MARGIN,
      getMinHeight: height,
      getMaxHeight: height,
      getHeight: height,
    })
    widget.serialize = false
  }

  /** Hears of all that changes what rows show. */
  #follow() {
    const { node, host } = this
    node.addLora = (name) => this.edits.add(name)
    node.rowsChanged = () => this.#refreshSoon()
    node.rowsLoaded = (isOld) => this.#loaded(isOld)
    const stop = host.facts.read(() => this.#refreshSoon())
    const { onAdded, onConnectionsChange, onRemoved } = node
    node.onAdded = (graph) => {
      onAdded?.call(node, graph)
      this.#refreshSoon() // it has its id now
    }
    node.onConnectionsChange = (...args) => {
      onConnectionsChange?.apply(node, args)
      this.#refreshSoon()
    }
    node.onRemoved = () => {
      onRemoved?.call(node)
      this.edits.removed()
      stop()
    }
  }

  /** @param {boolean} isOld whether the node was saved with a widget for each field */
  #loaded(isOld) {
    this.edits.loaded()
    this.#height = this.#show()
    this.#missing = missingOf(this.#states())
    const [width, needed] = this.node.computeSize()
    const height = isOld ? needed : Math.max(this.node.size[1], needed)
    this.node.setSize([Math.max(this.node.size[0], width), height])
  }

  #refreshSoon() {
    if (this.#isWaiting) return
    this.#isWaiting = true
    queueMicrotask(() => {
      this.#isWaiting = false
      this.#refresh()
    })
  }

  /** Shows the rows as they are, in a node that grows and shrinks with them. */
  #refresh() {
    const before = this.#height
    const sockets = this.#sockets
    this.#height = this.#show()
    // The host makes room for sockets, but takes none away.
    const gone = Math.max(0, sockets - this.#sockets) * NATIVE_HEIGHT
    if (this.#height === before && gone === 0) return
    const { node } = this
    const [width, needed] = node.computeSize()
    const height = Math.max(needed, node.size[1] + this.#height - before - gone)
    node.setSize([Math.max(node.size[0], width), height])
    node.setDirtyCanvas(true, true)
  }

  /** After a change by the user: what they did is shown, and is a step of undo. */
  #changed() {
    this.#refresh()
    markStepSoon(this.host.app)
    const missing = missingOf(this.#states())
    if (missing === this.#missing) return
    this.#missing = missing
    // The host marks widgets by their names, which rows pass on when they move. It tells its own
    // troubles with that; the next scan mends them.
    const scan = this.host.app.refreshMissingModels?.({ silent: true, reloadDefs: false })
    scan?.catch(() => {})
  }

  #show() {
    const states = this.#states()
    this.view.show(states)
    this.view.root.dataset.node = String(this.node.id)
    this.#sockets = this.node.inputs.filter(({ name }) => parseInputName(name)).length
    return heightOf(states)
  }

  /** @returns {RowState[]} */
  #states() {
    const { node, host } = this
    /** @type {Set<Field>[]} */
    const fed = []
    for (const { name, link } of node.inputs) {
      const cell = link == null ? null : parseInputName(name)
      if (cell) fed[cell.number] = (fed[cell.number] ?? new Set()).add(cell.field)
    }
    const model = connectedModel(node)
    return readRows(node).map((row, index) => {
      const isKnown = host.known.has(row.lora)
      const facts = isKnown || row.blocks !== '' ? host.facts.of(row, model) : null
      const ofRow = fed[index + 1] ?? new Set()
      return {
        row,
        number: index + 1,
        isLinked: this.#isLinked(row, index, ofRow),
        fed: ofRow,
        problem: ofRow.has('lora') ? 'none' : problemOf(row, isKnown, facts),
        facts,
      }
    })
  }

  /**
   * @param {Row} row
   * @param {number} index
   * @param {ReadonlySet<Field>} fed
   */
  #isLinked(row, index, fed) {
    const isSame = row.strength_model === row.strength_clip
    return isSame && !this.edits.apart.has(index) && !fed.has('strength_model') && !fed.has('strength_clip')
  }
}

/** @param {RowState[]} states */
function missingOf(states) {
  const missing = states.filter(({ problem }) => problem === 'missing')
  return missing.map(({ number, row }) => `${number} ${row.lora}`).join('\n')
}
