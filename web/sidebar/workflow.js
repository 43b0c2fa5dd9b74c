/** *This workflow*: what the open graph needs, what of it is here, and getting the rest. */

import { SatchelApiError, isCancelled } from '../api.js'
import { button, element } from '../dialogs/elements.js'
import { formatBytes } from '../lib/bytes.js'
import { packRows, planSummary, planTotals, updatedPlan } from '../lib/plan_view.js'
import { JobProgress } from '../lib/progress.js'
import { planKey, searchWords } from '../lib/side_view.js'
import { say, sayCount } from '../lib/strings.js'
import { Standing, heading } from './parts.js'
import { modelRow, packRow } from './workflow_rows.js'

/** @typedef {import('../types/satchel').Plan} Plan */
/** @typedef {import('../types/satchel').PlannedModel} PlannedModel */
/** @typedef {import('../types/satchel').ModelFacts} ModelFacts */

/** How long the graph has to rest before it is looked at again. */
const REST_MS = 500
const MAX_FACTS = 500

export class WorkflowView {
  id = 'workflow'
  /** What the plan that is shown was made of. */
  #key = ''
  /** A plan for which marketplaces were asked, while it is about the open graph. @type {Plan | null} */
  #asked = null
  /** @type {Plan | null} */
  #plan = null
  /** @type {Map<string, ModelFacts>} */
  #facts = new Map()
  #generation = 0
  #timer = 0
  /** @type {(() => void) | null} */
  #stopListening = null
  /** @type {AbortController | null} */
  #job = null
  /** Of the models being fetched; null: all. @type {Set<string> | null} */
  #getting = new Set()

  /** @param {import('./shell.js').ViewHost} host */
  constructor({ app, satchel, open }) {
    this.app = app
    this.satchel = satchel
    this.open = open
    this.standing = new Standing()
    this.totals = element('p', { class: 'satchel-side-status' })
    this.getAll = button(say('side.getAll'), () => void this.#get(null), 'satchel-main')
    this.check = button(say('side.check'), () => void this.#check())
    this.check.title = say('side.checkHelp')
    this.use = button(say('side.useNames'), () => void this.#useNames())
    this.cancel = button(say('side.cancel'), () => this.#job?.abort())
    this.progress = element('progress', { class: 'satchel-progress', max: '1', hidden: '' })
    this.models = element('ul', { class: 'satchel-side-list', 'aria-label': say('side.models') })
    this.packs = element('div', {})
    this.element = element(
      'div',
      { class: 'satchel-side-view' },
      element(
        'div',
        { class: 'satchel-side-head' },
        this.standing.status,
        this.totals,
        this.progress,
        this.standing.alert,
        element('div', { class: 'satchel-side-buttons' }, this.getAll, this.use, this.check, this.cancel),
      ),
      element('div', { class: 'satchel-side-scroll' }, this.models, this.packs),
    )
    this.#showButtons()
  }

  get title() {
    return say('side.workflow')
  }

  shown() {
    this.#stopListening = this.satchel.on('graphChanged', () => this.graphChanged())
    this.#key = ''
    void this.#look()
  }

  hidden() {
    this.#stopListening?.()
    this.#stopListening = null
    clearTimeout(this.#timer)
  }

  /** Looks again as soon as the graph rests. */
  graphChanged() {
    clearTimeout(this.#timer)
    this.#timer = window.setTimeout(() => void this.#look(), REST_MS)
  }

  /** A plan from what is known: it reads no file and asks nobody, so it may be made at every edit. */
  async #look() {
    if (this.#job) return
    const graph = this.#graph()
    const key = planKey(graph)
    if (key === this.#key) return
    const generation = ++this.#generation
    if (this.#key.slice(0, 60) !== key.slice(0, 60)) this.#asked = null
    try {
      const { plan, rewrites } = await this.satchel.quickPlan({ json: graph })
      if (generation !== this.#generation) return
      this.#key = key
      this.standing.warn()
      this.renamed = rewrites.length
      this.#plan = this.#asked ? updatedPlan(this.#asked, plan) : plan
      await this.#learnFacts(plan, generation)
      if (generation === this.#generation) this.#draw()
    } catch (error) {
      if (generation === this.#generation) this.standing.warn(error)
    }
  }

  /**
   * @param {Plan} plan
   * @param {number} generation
   */
  async #learnFacts(plan, generation) {
    const files = plan.models
      .filter((model) => model.local !== null)
      .map((model) => ({ kind: model.directory, name: model.local ?? '' }))
    if (files.length === 0) return
    try {
      const { models } = await this.satchel.post('/model-info', { files: files.slice(0, MAX_FACTS) })
      if (generation !== this.#generation) return
      this.#facts = new Map(
        models.map((/** @type {ModelFacts} */ facts) => [`${facts.directory}/${facts.name}`, facts]),
      )
    } catch (error) {
      // A folder that only a node of another pack knows has no facts: the plan stands all the same.
      if (!(error instanceof SatchelApiError)) throw error
      this.#facts = new Map()
    }
  }

  /** Asks the marketplaces, which may read files, too. */
  async #check() {
    await this.#run('plan', {}, 0, new Set(), (result) => {
      this.#asked = result.plan
      this.#plan = result.plan
      this.renamed = result.rewrites.length
    })
  }

  /** @param {PlannedModel | null} model null: all that can be had */
  async #get(model) {
    const only = model ? { only: [{ directory: model.directory, name: model.name }] } : {}
    const total = (model ? model.bytes : this.#plan?.bytes_to_fetch) ?? 0
    const getting = model ? new Set([keyOf(model)]) : null
    await this.#run('install', only, total, getting, async (result) => {
      this.#asked = result.plan
      this.#plan = result.plan
      this.renamed = result.rewrites.length
      const summary = sayCount('side.installed', result.installed.length)
      if (result.installed.length > 0) {
        await this.#learnFiles()
        this.#toast(summary)
      }
    })
  }

  /**
   * @param {'plan' | 'install'} action
   * @param {Record<string, unknown>} more
   * @param {number} total bytes
   * @param {Set<string> | null} getting
   * @param {(result: import('../types/satchel').InstallResult) => void | Promise<void>} take
   */
  async #run(action, more, total, getting, take) {
    if (this.#job) return
    const job = new AbortController()
    this.#job = job
    this.#getting = getting
    this.standing.warn()
    this.standing.say(say('side.looking'))
    this.progress.hidden = false
    this.progress.removeAttribute('value')
    this.#draw()
    const progress = new JobProgress(total)
    const graph = this.#graph()
    try {
      const result = await this.satchel.runJob(
        action,
        { json: graph, ...more },
        (event) => {
          const { text, share } = progress.update(event)
          this.standing.say(text)
          if (share === null) this.progress.removeAttribute('value')
          else this.progress.value = share
        },
        job.signal,
      )
      await take(result)
    } catch (error) {
      if (!isCancelled(error)) this.standing.warn(error)
      await this.#learnFiles()
    } finally {
      this.#job = null
      this.#getting = new Set()
      this.progress.hidden = true
      this.#key = ''
      await this.#look()
      this.#draw()
    }
  }

  /** Puts the names that the models have here into the graph, as one step that can be undone. */
  async #useNames() {
    const tracker = this.app.extensionManager.workflow.activeWorkflow?.changeTracker
    tracker?.captureCanvasState()
    const { graph } = await this.satchel.quickPlan({ json: this.#graph() })
    if (!graph || tracker !== this.app.extensionManager.workflow.activeWorkflow?.changeTracker) return
    if (tracker) {
      await tracker.updateState([graph], tracker.undoQueue)
      tracker.redoQueue.length = 0
    } else {
      await this.app.loadGraphData(graph, true, false, null)
    }
  }

  /** Makes the open graph's lists know new files, and takes the host's marks off them. */
  async #learnFiles() {
    await this.app.reloadNodeDefs()
    // The host registers the reloaded definitions without waiting for them.
    await new Promise((resolve) => setTimeout(resolve))
    await this.app.refreshMissingModels?.({ silent: true, reloadDefs: false })
  }

  #graph() {
    return this.app.rootGraph.serialize()
  }

  #draw() {
    const plan = this.#plan
    this.#showButtons()
    if (!plan) return
    if (!this.#job) this.standing.say(planSummary(plan))
    this.totals.textContent = plan.bytes_to_fetch ? planTotals(plan) : ''
    const focused = document.activeElement?.closest('[data-model]')?.getAttribute('data-model')
    const rows = [...plan.models].sort((a, b) => urgency(a) - urgency(b)).map((model) =>
      modelRow(model, {
        facts: this.#facts.get(`${model.directory}/${model.local ?? ''}`),
        busy: this.#job !== null,
        getting: this.#getting === null ? model.fetch : this.#getting.has(keyOf(model)),
        get: () => void this.#get(model),
        find: () => this.#find(model),
      }),
    )
    this.models.replaceChildren(...rows)
    if (focused) rows.find((row) => row.dataset.model === focused)?.querySelector('button')?.focus()
    const packs = packRows(plan)
    const list = element('ul', { class: 'satchel-side-list', 'aria-label': say('side.packs') }, ...packs.map(packRow))
    this.packs.replaceChildren(...(packs.length > 0 ? [heading(say('side.packs')), list] : []))
  }

  #showButtons() {
    const plan = this.#plan
    const count = plan?.models.filter((model) => model.fetch).length ?? 0
    this.getAll.hidden = count === 0 || this.#job !== null
    this.getAll.disabled = plan?.installable === false
    this.getAll.textContent = plan?.bytes_to_fetch
      ? say('side.getAllBytes', { count, bytes: formatBytes(plan.bytes_to_fetch) })
      : say('side.getAll')
    this.use.hidden = this.#job !== null || !this.renamed
    this.check.hidden = this.#job !== null || !plan || plan.models.every((model) => model.local !== null)
    this.cancel.hidden = this.#job === null
  }

  /** @param {PlannedModel} model */
  #find(model) {
    const view = /** @type {import('./find.js').FindView | undefined} */ (this.open('find'))
    view?.search(searchWords(model.name), model.directory)
  }

  /** @param {string} summary */
  #toast(summary) {
    this.app.extensionManager.toast.add({ severity: 'success', summary, life: 6_000 })
  }
}

/** @param {PlannedModel} model */
function keyOf(model) {
  return `${model.directory}/${model.name}`
}

/** What needs somebody comes first. @param {PlannedModel} model */
function urgency(model) {
  if (model.local !== null || model.state === 'present') return 3
  if (model.fetch) return 1
  return model.optional ? 2 : 0
}
