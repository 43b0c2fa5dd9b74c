/**
 * Putting LoRA Stacks in the place of other packs' LoRA nodes in the open graph. The server does the
 * conversion; here it is offered, and taken over as one step that can be undone.
 */

import { openConversionDialog } from './dialogs/conversion_dialog.js'
import { errorLines } from './dialogs/error_lines.js'
import { Notice } from './dialogs/notice.js'
import {
  convertedSummary,
  convertibleAmong,
  offerDetail,
  offerTitle,
  remarks,
} from './lib/convert_view.js'
import { say } from './lib/strings.js'

/** @typedef {import('./types/comfy').ComfyApp} ComfyApp */
/** @typedef {import('./types/comfy').Node} Node */
/** @typedef {import('./types/comfy').SavedGraph} SavedGraph */
/** @typedef {import('./types/satchel').NodeSelection} NodeSelection */

export const OFFER_CONVERSION = 'Satchel.OfferConversion'

export class Converter {
  /** @type {Set<string>} */
  #types = new Set()
  /** @type {Notice | null} */
  #notice = null
  /** Offers that were turned down on this page, so that switching tabs does not repeat them. */
  #dismissed = new Set()
  #busy = false

  /**
   * @param {ComfyApp} app
   * @param {import('./api.js').SatchelApi} satchel
   */
  constructor(app, satchel) {
    this.app = app
    this.satchel = satchel
  }

  /** Asks the server which types it can convert; without an answer nothing is offered. */
  async learnTypes() {
    try {
      this.#types = new Set(await this.satchel.convertibleTypes())
    } catch (error) {
      console.warn('Satchel: which LoRA nodes can be converted is not known.', error)
    }
  }

  /**
   * Offers to convert what was just opened, if it has convertible nodes of packs that are missing.
   * Undo and redo open the graph, too, but nobody wants to be asked then.
   *
   * @param {readonly import('./types/comfy').MissingNode[]} missing
   */
  offer(missing) {
    this.#notice?.close()
    this.#notice = null
    if (this.#tracker()?._restoringState) return
    const { count, types } = convertibleAmong(missing, this.#types)
    const key = JSON.stringify(missing)
    const wanted = this.app.extensionManager.setting.get(OFFER_CONVERSION) !== false
    if (count === 0 || !wanted || this.#dismissed.has(key)) return
    this.#notice = new Notice({
      title: offerTitle(count),
      detail: offerDetail(types),
      action: say('convert.action'),
      act: () => void this.convert({ types }),
      dismiss: () => {
        this.#dismissed.add(key)
        this.#notice?.close()
      },
    })
    this.#notice.open()
  }

  /**
   * @param {Node} node
   * @returns {import('./types/comfy').MenuEntry[]}
   */
  menuItems(node) {
    const type = node.last_serialization?.type ?? node.type
    if (!this.#types.has(type)) return []
    const nodes = [this.#keyOf(node)]
    return [{ content: say('convert.action'), callback: () => void this.convert({ nodes }) }]
  }

  /** @param {NodeSelection} selection */
  async convert(selection) {
    if (this.#busy) return
    this.#busy = true
    try {
      const tracker = this.#tracker()
      tracker?.captureCanvasState()
      const graph = this.app.rootGraph.serialize()
      const result = await this.satchel.convert({ json: graph }, selection)
      if (this.#tracker() !== tracker) throw new Error(say('convert.otherOpened'))
      if (result.converted.length > 0) await this.#takeOver(result.graph)
      this.#tell(result)
    } catch (error) {
      const { message, lines } = errorLines(error)
      this.#toast('error', message, lines.join(' '))
    } finally {
      this.#busy = false
    }
  }

  /**
   * Opens a changed graph as the host's own undo does, so that undo brings back the one before.
   *
   * @param {SavedGraph} graph
   */
  async #takeOver(graph) {
    const tracker = this.#tracker()
    if (!tracker) return this.app.loadGraphData(graph, true, false, null)
    await tracker.updateState([graph], tracker.undoQueue)
    tracker.redoQueue.length = 0
    this.#ignoreLayoutOf(tracker)
  }

  /**
   * Nodes grow to their rows when they are drawn first, whenever that is. Until the user does
   * something, such changes are part of the conversion, not a step of their own.
   *
   * @param {import('./types/comfy').ChangeTracker} tracker
   */
  #ignoreLayoutOf(tracker) {
    const done = new AbortController()
    const settle = () => {
      done.abort()
      if (this.#tracker() !== tracker) return
      tracker.activeState = JSON.parse(JSON.stringify(this.app.rootGraph.serialize()))
    }
    for (const type of ['pointerdown', 'keydown']) {
      window.addEventListener(type, settle, { capture: true, signal: done.signal })
    }
  }

  /** @param {import('./types/satchel').ConvertResult} result */
  #tell(result) {
    const { changed, kept } = remarks(result)
    if (changed.length > 0 || kept.length > 0) return openConversionDialog(result)
    if (result.converted.length > 0) {
      return this.#toast('success', convertedSummary(result), say('convert.undo'))
    }
    this.#toast('info', say('convert.none'), say('convert.noneDetail'))
  }

  /** Undo and redo of the open workflow. */
  #tracker() {
    return this.app.extensionManager.workflow.activeWorkflow?.changeTracker
  }

  /** @param {Node} node */
  #keyOf(node) {
    const inside = node.graph && node.graph !== this.app.rootGraph
    return inside ? `${node.graph?.id}:${node.id}` : String(node.id)
  }

  /**
   * @param {'success' | 'info' | 'error'} severity
   * @param {string} summary
   * @param {string} detail
   */
  #toast(severity, summary, detail) {
    const life = severity === 'error' ? 15_000 : 6_000
    this.app.extensionManager.toast.add({ severity, summary, detail, life })
  }
}
