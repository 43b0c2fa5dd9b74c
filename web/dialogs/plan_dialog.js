/** The import dialog: what a workflow needs, and one button that gets all of it. */

import { isCancelled } from '../api.js'
import { installButton, planSummary, planTotals, plural, updatedPlan } from '../lib/plan_view.js'
import { JobProgress } from '../lib/progress.js'
import { button, element } from './elements.js'
import { errorLines } from './error_lines.js'
import { Modal } from './modal.js'
import { planTable } from './plan_table.js'

/** @typedef {import('../types/satchel').Plan} Plan */
/** @typedef {import('../types/satchel').PlanResult} PlanResult */
/** @typedef {import('../types/satchel').InstallResult} InstallResult */
/** @typedef {import('../types/comfy').SavedGraph} SavedGraph */

/**
 * @typedef {object} PlanDialogOptions
 * @property {import('../api.js').SatchelApi} satchel
 * @property {SavedGraph} graph the workflow as it was opened or as it is now
 * @property {Plan | null} firstGuess a quick plan to show until the full one is made
 * @property {(graph: SavedGraph) => Promise<void>} useGraph replaces the open graph
 * @property {() => Promise<void>} learnFiles lets the host see files that came in
 * @property {(summary: string) => void} celebrate says that everything went well
 * @property {boolean} importing whether local names are taken over without asking
 */

/** @param {PlanDialogOptions} options */
export function openPlanDialog(options) {
  return new PlanDialog(options).open()
}

class PlanDialog {
  #stop = new AbortController()

  /** @param {PlanDialogOptions} options */
  constructor(options) {
    this.options = options
    this.modal = new Modal('Models of this workflow', () => this.#leave())
    /** @type {Plan | null} */
    this.plan = options.firstGuess
    this.installing = false
  }

  async open() {
    this.modal.open()
    await this.#check()
  }

  /** Escape and Close: stops an installation first, and closes only when nothing is changing. */
  #leave() {
    this.#stop.abort()
    if (this.installing) this.modal.say('Stopping', null)
    else this.modal.close()
  }

  /** Makes the full plan, which may read files and ask marketplaces. */
  async #check() {
    this.#begin('Looking for the models')
    this.modal.showFooter(button('Close', () => this.#leave()))
    if (this.plan) this.#showTable(false)
    try {
      /** @type {PlanResult} */
      const result = await this.#run('plan', 0)
      this.plan = result.plan
      await this.#decide(result)
    } catch (error) {
      if (isCancelled(error)) return
      this.#fail(error)
      this.modal.showFooter(this.#closeButton(), this.#mainButton('Try again', () => this.#check()))
    }
  }

  /** @param {PlanResult} result */
  async #decide(result) {
    const { plan, graph, rewrites } = result
    if (plan.ok && graph && rewrites.length > 0) {
      const use = () => this.#finish(graph, renamedSummary(rewrites.length))
      if (this.options.importing) return use()
      this.#settle(planSummary(plan))
      return this.modal.showFooter(
        this.#totals(),
        this.#closeButton(),
        this.#mainButton('Use the names of this machine', use),
      )
    }
    if (plan.ok && this.options.importing) return this.#finish(null, planSummary(plan))
    this.#offerInstall(planSummary(plan))
  }

  /**
   * @param {string} summary
   * @param {string} [retryLabel]
   */
  #offerInstall(summary, retryLabel) {
    this.#settle(summary)
    if (!this.plan || this.plan.ok) return this.modal.showFooter(this.#closeButton())
    const { label, blocked } = installButton(this.plan)
    const main = this.#mainButton(retryLabel ?? label, () => this.#install())
    main.disabled = blocked !== ''
    main.title = blocked
    const note = element('span', { class: 'satchel-totals' }, blocked || planTotals(this.plan))
    this.modal.showFooter(note, this.#closeButton(), main)
  }

  async #install() {
    const total = this.plan?.bytes_to_fetch ?? 0
    this.#begin('Starting')
    this.installing = true
    this.modal.showFooter(this.#totals(), button('Cancel', () => this.#leave()))
    try {
      /** @type {InstallResult} */
      const result = await this.#run('install', total)
      this.installing = false
      this.plan = result.plan
      const summary = `${plural(result.installed.length, 'model')} installed.`
      if (result.plan.ok) return await this.#finish(result.graph, summary)
      if (result.graph) await this.options.useGraph(result.graph)
      this.#offerInstall(`${summary} ${planSummary(result.plan)}`)
    } catch (error) {
      this.installing = false
      await this.#refreshPlan()
      if (!isCancelled(error)) this.#fail(error)
      this.#offerInstall(
        isCancelled(error) ? 'Stopped. What was downloaded is kept.' : 'Not everything worked.',
        isCancelled(error) ? undefined : 'Try again',
      )
    }
  }

  /** What came in before a failure is here now. */
  async #refreshPlan() {
    try {
      await this.options.learnFiles()
      const { plan } = await this.options.satchel.quickPlan({ json: this.options.graph })
      this.plan = this.plan ? updatedPlan(this.plan, plan) : plan
    } catch {
      // The plan that is shown stays: the error being reported is the one that matters.
    }
  }

  /**
   * @param {SavedGraph | null} graph
   * @param {string} summary
   */
  async #finish(graph, summary) {
    if (graph) await this.options.useGraph(graph)
    this.modal.close()
    this.options.celebrate(summary)
  }

  /**
   * @param {'plan' | 'install'} action
   * @param {number} totalBytes
   */
  #run(action, totalBytes) {
    const progress = new JobProgress(totalBytes)
    return this.options.satchel.runJob(
      action,
      { json: this.options.graph },
      (event) => {
        const { text, share } = progress.update(event)
        if (!this.#stop.signal.aborted) this.modal.say(text, share)
      },
      this.#stop.signal,
    )
  }

  /** @param {string} text */
  #begin(text) {
    this.#stop = new AbortController()
    this.modal.warn()
    this.modal.say(text, null)
  }

  /** @param {string} summary */
  #settle(summary) {
    this.modal.say(summary)
    this.#showTable(true)
  }

  /** @param {unknown} error */
  #fail(error) {
    const { message, lines } = errorLines(error)
    this.modal.say('')
    this.modal.warn(message, lines)
  }

  /** @param {boolean} final */
  #showTable(final) {
    const models = this.plan?.models.length ?? 0
    this.modal.body.replaceChildren(...(this.plan && models ? [planTable(this.plan, final)] : []))
  }

  #totals() {
    const text = this.plan ? planTotals(this.plan) : ''
    return element('span', { class: 'satchel-totals' }, text)
  }

  #closeButton() {
    return button('Close', () => this.#leave())
  }

  /**
   * @param {string} label
   * @param {() => void} press
   */
  #mainButton(label, press) {
    return button(label, press, 'satchel-main')
  }
}

/** @param {number} count */
function renamedSummary(count) {
  return `All models are here; ${plural(count, 'name')} changed to that of this machine.`
}
