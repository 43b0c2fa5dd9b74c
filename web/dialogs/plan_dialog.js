/** The import dialog: what a workflow needs, and one button that gets all of it. */

import { isCancelled } from '../api.js'
import { installButton, missingPacks, planSummary, planTotals, updatedPlan } from '../lib/plan_view.js'
import { JobProgress } from '../lib/progress.js'
import { say, sayCount } from '../lib/strings.js'
import { button, element } from './elements.js'
import { errorLines } from './error_lines.js'
import { Modal } from './modal.js'
import { planView } from './plan_table.js'

/** @typedef {import('../types/satchel').Plan} Plan */
/** @typedef {import('../types/satchel').PlanResult} PlanResult */
/** @typedef {import('../types/satchel').InstallResult} InstallResult */
/** @typedef {import('../types/satchel').SentDocument} SentDocument */

/**
 * @typedef {object} PlanDialogOptions
 * @property {import('../api.js').SatchelApi} satchel
 * @property {SentDocument} document the workflow as it was opened or as it is now
 * @property {Plan | null} firstGuess a quick plan to show until the full one is made
 * @property {(result: PlanResult) => Promise<void>} useResult replaces the open graph
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
    this.modal = new Modal(say('import.title'), () => this.#leave())
    /** @type {Plan | null} */
    this.plan = options.firstGuess
    /** Files that come with a bundle and are not here. @type {{name: string, bytes: number}[]} */
    this.files = []
    this.installing = false
  }

  async open() {
    this.modal.open()
    await this.#check()
  }

  /** Escape and Close: stops an installation first, and closes only when nothing is changing. */
  #leave() {
    this.#stop.abort()
    if (this.installing) this.modal.say(say('import.stopping'), null)
    else this.modal.close()
  }

  /** Makes the full plan, which may read files and ask marketplaces. */
  async #check() {
    this.#begin(say('import.looking'))
    this.modal.showFooter(this.#closeButton())
    if (this.plan) this.#showTable(false)
    try {
      /** @type {PlanResult} */
      const result = await this.#run('plan', 0)
      this.plan = result.plan
      this.files = result.inputs ?? []
      await this.#decide(result)
    } catch (error) {
      if (isCancelled(error)) return
      this.#fail(error)
      const again = this.#mainButton(say('import.retry'), () => this.#check())
      this.modal.showFooter(this.#closeButton(), again)
    }
  }

  /** @param {PlanResult} result */
  async #decide(result) {
    const { plan, rewrites } = result
    const renamed = rewrites.length > 0
    const summary = renamed ? sayCount('import.renamed', rewrites.length) : planSummary(plan)
    const use = () => this.#finish(renamed ? result : null, summary)
    const lacks = !plan.ok || this.files.length > 0
    if (!lacks && this.options.importing && missingPacks(plan) === 0) return use()
    if (lacks || !renamed) return this.#offerInstall(planSummary(plan))
    this.#settle(planSummary(plan))
    const main = this.#mainButton(say('import.useNames'), use)
    this.modal.showFooter(this.#totals(), this.#closeButton(), main)
  }

  /**
   * @param {string} summary
   * @param {string} [retryLabel]
   */
  #offerInstall(summary, retryLabel) {
    this.#settle(summary)
    if (!this.plan || (this.plan.ok && this.files.length === 0)) {
      return this.modal.showFooter(this.#closeButton())
    }
    const { label, blocked } = installButton(this.plan, this.files.length)
    const main = this.#mainButton(retryLabel ?? label, () => this.#install())
    main.disabled = blocked !== ''
    main.title = blocked
    const note = element('span', { class: 'satchel-totals' }, blocked || planTotals(this.plan))
    this.modal.showFooter(note, this.#closeButton(), main)
  }

  async #install() {
    const total = this.plan?.bytes_to_fetch ?? 0
    this.#begin(say('import.starting'))
    this.installing = true
    this.modal.showFooter(this.#totals(), button(say('import.cancel'), () => this.#leave()))
    try {
      /** @type {InstallResult} */
      const result = await this.#run('install', total)
      this.installing = false
      this.plan = result.plan
      const summary = installedSummary(result.installed.length, this.files.length)
      this.files = []
      const isReady = result.plan.ok && missingPacks(result.plan) === 0
      if (isReady) return await this.#finish(result, summary)
      await this.options.useResult(result)
      this.#offerInstall(`${summary} ${planSummary(result.plan)}`)
    } catch (error) {
      this.installing = false
      await this.#refreshPlan()
      if (!isCancelled(error)) this.#fail(error)
      this.#offerInstall(
        say(isCancelled(error) ? 'import.stopped' : 'import.incomplete'),
        isCancelled(error) ? undefined : say('import.retry'),
      )
    }
  }

  /** What came in before a failure is here now. */
  async #refreshPlan() {
    try {
      await this.options.learnFiles()
      const { plan } = await this.options.satchel.quickPlan(this.options.document)
      this.plan = this.plan ? updatedPlan(this.plan, plan) : plan
    } catch {
      // The plan that is shown stays: the error being reported is the one that matters.
    }
  }

  /**
   * @param {PlanResult | null} result with the graph to use, if the open one is to be replaced
   * @param {string} summary
   */
  async #finish(result, summary) {
    if (result) await this.options.useResult(result)
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
      this.options.document,
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
    this.modal.body.replaceChildren(...(this.plan ? planView(this.plan, final, this.files) : []))
  }

  #totals() {
    const text = this.plan ? planTotals(this.plan) : ''
    return element('span', { class: 'satchel-totals' }, text)
  }

  #closeButton() {
    return button(say('import.close'), () => this.#leave())
  }

  /**
   * @param {string} label
   * @param {() => void} press
   */
  #mainButton(label, press) {
    return button(label, press, 'satchel-main')
  }
}

/**
 * @param {number} models
 * @param {number} files
 */
function installedSummary(models, files) {
  const told = [sayCount('import.installed', models)]
  if (files) told.push(sayCount('import.imagesAdded', files))
  return told.slice(models || !files ? 0 : 1).join(' ')
}
