/**
 * Opening a portable workflow. Names change before the host configures the graph, so that its own
 * missing-model scan sees the local ones; the dialog opens afterwards if something is not here.
 */

import { errorLines } from './dialogs/error_lines.js'
import { openPlanDialog } from './dialogs/plan_dialog.js'
import { sendBundle } from './dialogs/send_bundle.js'
import { isCancelled } from './api.js'
import { carriedLock, isBundle, takeOverNames, workflowStem } from './lib/documents.js'
import { missingPacks, planSummary } from './lib/plan_view.js'
import { say } from './lib/strings.js'

/** @typedef {import('./types/comfy').ComfyApp} ComfyApp */
/** @typedef {import('./types/comfy').SavedGraph} SavedGraph */
/** @typedef {import('./types/satchel').Plan} Plan */
/** @typedef {import('./types/satchel').PlanResult} PlanResult */
/** @typedef {import('./types/satchel').SentDocument} SentDocument */

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

  /** Notes when a graph comes from a file that the user dropped or chose; opens bundles itself. */
  watchFiles() {
    const { app } = this
    const handleFile = app.handleFile
    app.handleFile = async (file, ...rest) => {
      this.#openingFiles += 1
      try {
        if (isBundle(file)) await this.openBundle(file)
        else await handleFile.call(app, file, ...rest)
      } finally {
        this.#openingFiles -= 1
      }
    }
  }

  /**
   * Opens the workflow of a zip. What else is in there stays there until the user agrees.
   *
   * @param {File} file
   */
  async openBundle(file) {
    try {
      const document = await sendBundle(this.satchel, file)
      const result = await this.satchel.quickPlan(document)
      const name = workflowStem(file.name)
      if (!(await this.#open(result, name))) {
        return this.#toast('error', say('import.unreadable'), '')
      }
      const { plan } = result
      if (plan.ok && !result.inputs?.length && missingPacks(plan) === 0) {
        return this.#toast('success', say('import.ready'), planSummary(plan))
      }
      void this.#showPlan(document, plan, true)
    } catch (error) {
      if (!isCancelled(error)) this.#tell(error)
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
      this.#tell(error)
    }
  }

  afterConfigureGraph() {
    const opened = this.#opened
    this.#opened = null
    if (!opened || (opened.plan.ok && missingPacks(opened.plan) === 0)) return
    const key = JSON.stringify(carriedLock(opened.graph))
    const askedBefore = this.#asked.has(key)
    this.#asked.add(key)
    if (askedBefore && this.#openingFiles === 0) return
    if (this.app.extensionManager.setting.get(AUTO_DIALOG) === false) {
      return this.#toast('info', planSummary(opened.plan), say('import.getLater'))
    }
    // Not awaited: the host waits for this hook before it finishes opening the graph.
    void this.#showPlan({ json: opened.graph }, opened.plan, true)
  }

  /** Shows what the open graph needs. */
  async checkModels() {
    const { workflow } = await this.app.graphToPrompt()
    await this.#showPlan({ json: workflow }, null, false)
  }

  /**
   * @param {SentDocument} document
   * @param {Plan | null} firstGuess
   * @param {boolean} importing
   */
  #showPlan(document, firstGuess, importing) {
    return openPlanDialog({
      satchel: this.satchel,
      document,
      firstGuess,
      importing,
      learnFiles: () => this.#learnFiles(),
      useResult: async (result) => {
        await this.#reloadDefinitions()
        await this.#open(result, this.app.extensionManager.workflow.activeWorkflow)
      },
      celebrate: (summary) => this.#toast('success', say('import.ready'), summary),
    })
  }

  /**
   * Opens the graph of a plan or an installation; false if it has none.
   *
   * @param {PlanResult} result
   * @param {import('./types/comfy').Workflow | string | null} workflow whose tab it takes, or the
   *   name of a new one
   */
  async #open({ graph, prompt }, workflow) {
    this.#applying = true
    try {
      const name = typeof workflow === 'string' ? workflow : (workflow?.filename ?? '')
      if (graph) await this.app.loadGraphData(graph, true, typeof workflow === 'string', workflow)
      else if (prompt) this.app.loadApiJson(prompt, name)
      return graph !== null || prompt !== null
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

  /** @param {unknown} error */
  #tell(error) {
    const { message, lines } = errorLines(error)
    this.#toast('error', message, lines.join(' '))
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
