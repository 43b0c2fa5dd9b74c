/**
 * Opening a portable workflow. Names change before the host configures the graph, so that its own
 * missing-model scan sees the local ones; the dialog opens afterwards if something is not here.
 */

import { openPlanDialog } from './dialogs/plan_dialog.js'
import { errorLines } from './dialogs/error_lines.js'
import { carriedLock, takeOverNames } from './lib/documents.js'
import { planSummary } from './lib/plan_view.js'

/** @typedef {import('./types/comfy').ComfyApp} ComfyApp */
/** @typedef {import('./types/comfy').SavedGraph} SavedGraph */
/** @typedef {import('./types/satchel').Plan} Plan */

export const AUTO_DIALOG = 'Satchel.AskOnOpen'

export class Importer {
  /** True while our own result is being loaded. */
  #applying = false
  /** How many files are being opened by the user right now. */
  #openingFiles = 0
  /** @type {{graph: SavedGraph, plan: Plan} | null} */
  #opened = null
  /** Locks that were asked about on this page, so that switching tabs does not ask again. */
  #asked = new Set()

  /**
   * @param {ComfyApp} app
   * @param {import('./api.js').SatchelApi} satchel
   */
  constructor(app, satchel) {
    this.app = app
    this.satchel = satchel
  }

  /** Notes when a graph comes from a file that the user dropped or chose. */
  watchFiles() {
    const { app } = this
    const handleFile = app.handleFile
    app.handleFile = async (file, ...rest) => {
      this.#openingFiles += 1
      try {
        await handleFile.call(app, file, ...rest)
      } finally {
        this.#openingFiles -= 1
      }
    }
  }

  /**
   * Gives the models of a portable graph the names that they have here, as far as these are known
   * without reading files.
   *
   * @param {SavedGraph} graph changed in place
   */
  async beforeConfigureGraph(graph) {
    this.#opened = null
    if (this.#applying || this.#isUndoing() || !carriedLock(graph)) return
    const original = JSON.parse(JSON.stringify(graph))
    try {
      const result = await this.satchel.quickPlan({ json: original })
      if (result.graph) takeOverNames(result.graph, graph)
      this.#opened = { graph: original, plan: result.plan }
    } catch (error) {
      const { message, lines } = errorLines(error)
      this.#toast('error', message, lines.join(' '))
    }
  }

  afterConfigureGraph() {
    const opened = this.#opened
    this.#opened = null
    if (!opened || opened.plan.ok) return
    const key = JSON.stringify(carriedLock(opened.graph))
    const askedBefore = this.#asked.has(key)
    this.#asked.add(key)
    if (askedBefore && this.#openingFiles === 0) return
    if (this.app.extensionManager.setting.get(AUTO_DIALOG) === false) {
      const how = 'Satchel > Check models in the menu gets what is missing.'
      return this.#toast('info', planSummary(opened.plan), how)
    }
    // Not awaited: the host waits for this hook before it finishes opening the graph.
    void this.showPlan(opened.graph, opened.plan, true)
  }

  /**
   * @param {SavedGraph} graph
   * @param {Plan | null} firstGuess
   * @param {boolean} importing
   */
  showPlan(graph, firstGuess, importing) {
    return openPlanDialog({
      satchel: this.satchel,
      graph,
      firstGuess,
      importing,
      learnFiles: () => this.#learnFiles(),
      useGraph: (rewritten) => this.#useGraph(rewritten),
      celebrate: (summary) => this.#toast('success', 'The workflow is ready', summary),
    })
  }

  /**
   * Puts a rewritten graph in the place of the open one, after the host has learnt about new files.
   *
   * @param {SavedGraph} graph
   */
  async #useGraph(graph) {
    this.#applying = true
    try {
      await this.#reloadDefinitions()
      const workflow = this.app.extensionManager.workflow.activeWorkflow
      await this.app.loadGraphData(graph, true, false, workflow)
    } finally {
      this.#applying = false
    }
  }

  /** Makes the open graph's lists know new files, and takes the host's marks off them. */
  async #learnFiles() {
    await this.#reloadDefinitions()
    await this.app.refreshMissingModels?.({ silent: true, reloadDefs: false })
  }

  async #reloadDefinitions() {
    await this.app.reloadNodeDefs()
    // The host registers the reloaded definitions without waiting for them.
    await new Promise((resolve) => setTimeout(resolve))
  }

  /** Undo and redo reload the whole graph too. */
  #isUndoing() {
    const { activeWorkflow } = this.app.extensionManager.workflow
    return activeWorkflow?.changeTracker?._restoringState === true
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
