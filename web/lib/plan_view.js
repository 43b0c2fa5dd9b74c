/** A plan in words: what the dialog shows, decided without a DOM. */

import { formatBytes } from './bytes.js'

/** @typedef {import('../types/satchel').Plan} Plan */
/** @typedef {import('../types/satchel').PlannedModel} PlannedModel */

/**
 * @typedef {object} PlanRow
 * @property {string} name
 * @property {string} kind
 * @property {'here' | 'fetch' | 'problem' | 'optional'} tone
 * @property {string} state
 * @property {string} detail a second line; may be empty
 * @property {string} source
 * @property {string} size
 */

const KINDS = new Map([
  ['checkpoints', 'Checkpoint'],
  ['clip_vision', 'CLIP vision'],
  ['controlnet', 'ControlNet'],
  ['diffusion_models', 'Diffusion model'],
  ['embeddings', 'Embedding'],
  ['hypernetworks', 'Hypernetwork'],
  ['loras', 'LoRA'],
  ['style_models', 'Style model'],
  ['text_encoders', 'Text encoder'],
  ['upscale_models', 'Upscaler'],
  ['vae', 'VAE'],
])

/** @type {Record<import('../types/satchel').PlanState, string>} */
const STATES = {
  present: 'Here',
  renamed: 'Here, under another name',
  missing: 'Not found anywhere',
  login: 'Needs a login',
  gone: 'No longer offered',
  refused: 'Refused',
}

/** Civitai's NSFW level is a bit mask; from here on it is not for everybody. */
const MATURE = 4

/** @type {Map<PlanRow['tone'], string>} */
const TONES = new Map([
  ['fetch', 'Will be downloaded'],
  ['optional', 'Not needed'],
])

/** What needs attention comes first. */
const ORDER = ['problem', 'fetch', 'optional', 'here']

/**
 * What a model folder holds, for people.
 *
 * @param {string} directory
 */
export function kindTitle(directory) {
  return KINDS.get(directory) ?? directory
}

/** @param {number | null | undefined} nsfwLevel Civitai's bit mask */
export function isMature(nsfwLevel) {
  return (nsfwLevel ?? 0) >= MATURE
}

/**
 * @param {Plan} plan
 * @returns {PlanRow[]}
 */
export function planRows(plan) {
  const rows = plan.models.map((model) => {
    const tone = toneOf(model)
    return {
      name: model.name,
      kind: kindTitle(model.directory),
      tone,
      state: TONES.get(tone) ?? STATES[model.state],
      detail: detailOf(model),
      source: tone === 'here' ? 'This machine' : (model.source ?? 'Unknown'),
      size: model.bytes === null ? '' : formatBytes(model.bytes),
    }
  })
  return rows.sort((a, b) => ORDER.indexOf(a.tone) - ORDER.indexOf(b.tone))
}

/**
 * One sentence on where things stand.
 *
 * @param {Plan} plan
 */
export function planSummary(plan) {
  const count = (/** @type {PlanRow['tone']} */ tone) =>
    plan.models.filter((model) => toneOf(model) === tone).length
  if (plan.models.length === 0) return 'This workflow names no models.'
  if (plan.ok) {
    if (count('optional')) return 'All models that this workflow needs are here.'
    return plan.models.length === 1
      ? 'The one model of this workflow is here.'
      : `All ${plan.models.length} models of this workflow are here.`
  }
  const verb = plan.models.length === 1 || count('here') === 1 ? 'is' : 'are'
  const parts = [`${count('here')} of ${plural(plan.models.length, 'model')} ${verb} here`]
  if (count('fetch')) parts.push(`${count('fetch')} can be downloaded`)
  if (count('problem')) parts.push(`${count('problem')} cannot`)
  return `${parts.join(', ')}.`
}

/**
 * Bytes to download and the room there is for them.
 *
 * @param {Plan} plan
 */
export function planTotals(plan) {
  const free = `${formatBytes(plan.bytes_free)} free`
  return plan.bytes_to_fetch ? `${formatBytes(plan.bytes_to_fetch)} to download, ${free}` : free
}

/**
 * What the main button says, and why it cannot be pressed, if so.
 *
 * @param {Plan} plan
 * @returns {{label: string, blocked: string}}
 */
export function installButton(plan) {
  const fetched = plan.models.filter((model) => toneOf(model) === 'fetch').length
  const label = fetched ? `Install ${plural(fetched, 'model')}` : 'Install'
  if (plan.ok) return { label, blocked: 'Everything is here already.' }
  if (plan.installable) return { label, blocked: '' }
  if (fetched === 0) return { label, blocked: 'None of the missing models can be downloaded.' }
  const needed = formatBytes(plan.bytes_to_fetch)
  return {
    label,
    blocked: `Not enough room: ${needed} to download, ${formatBytes(plan.bytes_free)} free.`,
  }
}

/**
 * A full plan brought up to date by a quick one, which knows what is here now but has not asked
 * any marketplace.
 *
 * @param {Plan} full
 * @param {Plan} quick
 * @returns {Plan}
 */
export function updatedPlan(full, quick) {
  const key = (/** @type {PlannedModel} */ model) => `${model.directory}/${model.name}`
  const known = new Map(full.models.map((model) => [key(model), model]))
  const models = quick.models.map((model) =>
    toneOf(model) === 'here' ? model : (known.get(key(model)) ?? model),
  )
  const missing = models.filter((model) => toneOf(model) === 'fetch')
  const bytes = missing.reduce((sum, model) => sum + (model.bytes ?? 0), 0)
  return {
    ...quick,
    models,
    bytes_to_fetch: bytes,
    installable: quick.installable && missing.length > 0,
  }
}

/**
 * @param {number} count
 * @param {string} noun
 */
export function plural(count, noun) {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/**
 * @param {PlannedModel} model
 * @returns {PlanRow['tone']}
 */
function toneOf(model) {
  if (model.state === 'present' || model.state === 'renamed') return 'here'
  if (model.fetch) return 'fetch'
  return model.optional ? 'optional' : 'problem'
}

/**
 * @param {PlannedModel} model
 */
function detailOf(model) {
  const facts = [
    model.licence && `Licence: ${model.licence}`,
    isMature(model.nsfw_level) && 'Mature content',
    model.gated && 'Its page has to be accepted first',
  ]
  const told = model.state === 'renamed' ? `Used: ${model.local}` : (model.reason ?? '')
  const shown = model.fetch ? facts.filter(Boolean) : []
  return [told, ...shown].filter(Boolean).join(' · ')
}
