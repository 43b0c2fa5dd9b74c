/** A plan in words: what the dialog shows, decided without a DOM. */

import { formatBytes } from './bytes.js'
import { hasString, say, sayCount } from './strings.js'

/** @typedef {import('../types/satchel').Plan} Plan */
/** @typedef {import('../types/satchel').PlannedModel} PlannedModel */
/** @typedef {import('../types/satchel').PlannedPack} PlannedPack */

/**
 * @typedef {object} PlanRow
 * @property {string} name
 * @property {string} kind
 * @property {'here' | 'fetch' | 'problem' | 'optional'} tone
 * @property {string} state
 * @property {string} detail a second line; may be empty
 * @property {string[]} warnings what to know before it is fetched
 * @property {string} source
 * @property {string} licence
 * @property {string} size
 */

/**
 * @typedef {object} PackRow
 * @property {string} name
 * @property {'here' | 'problem'} tone
 * @property {string} state
 * @property {string} detail
 * @property {string} command for a person to run; empty when there is nothing to do
 */

/** Civitai's NSFW level is a bit mask; from here on it is not for everybody. */
const MATURE = 4
const BUNDLE = 'bundle'
const SHOWN_NODES = 3

/** What needs attention comes first. */
const ORDER = ['problem', 'fetch', 'optional', 'here']

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
      state: stateOf(model, tone),
      detail: model.state === 'renamed' ? say('import.used', { name: model.local ?? '' }) : (model.reason ?? ''),
      warnings: model.fetch ? warningsOf(model) : [],
      source: sourceOf(model, tone),
      licence: licenceText(model),
      size: model.bytes === null ? '' : formatBytes(model.bytes),
    }
  })
  return rows.sort((a, b) => ORDER.indexOf(a.tone) - ORDER.indexOf(b.tone))
}

/**
 * The node packs of a plan, those that are missing first.
 *
 * @param {Plan} plan
 * @returns {PackRow[]}
 */
export function packRows(plan) {
  const rows = (plan.node_packs ?? []).map((pack) => ({
    name: [pack.id ?? pack.repository ?? '', pack.version ?? ''].filter(Boolean).join(' '),
    tone: /** @type {PackRow['tone']} */ (pack.state === 'missing' ? 'problem' : 'here'),
    state: packState(pack),
    detail: pack.state === 'missing' ? nodesOf(pack) : '',
    command: pack.command ?? '',
  }))
  return rows.sort((a, b) => ORDER.indexOf(a.tone) - ORDER.indexOf(b.tone))
}

/**
 * What a model folder holds, as people call it.
 *
 * @param {string} directory
 */
export function kindTitle(directory) {
  const key = `import.kind.${directory}`
  return hasString(key) ? say(key) : directory
}

/**
 * A licence's name, and what Civitai's flags forbid or ask for.
 *
 * @param {{licence?: string | null, permissions?: Record<string, boolean | string>}} model
 */
export function licenceText({ licence, permissions = {} }) {
  const commercial = permissions.allowCommercialUse
  const told = [
    licence,
    (commercial === '' || commercial === 'None') && say('licence.noCommercial'),
    permissions.allowNoCredit === false && say('licence.credit'),
    permissions.allowDerivatives === false && say('licence.noDerivatives'),
    permissions.allowDifferentLicense === false && say('licence.sameTerms'),
  ]
  return told.filter(Boolean).join(', ')
}

/** @param {Plan} plan */
export function missingPacks(plan) {
  return (plan.node_packs ?? []).filter((pack) => pack.state === 'missing').length
}

/**
 * One or two sentences on where things stand.
 *
 * @param {Plan} plan
 */
export function planSummary(plan) {
  const packs = missingPacks(plan)
  const told = [modelSummary(plan), packs ? sayCount('import.missingPacks', packs) : '']
  return told.filter(Boolean).join(' ')
}

/** @param {Plan} plan */
function modelSummary(plan) {
  const all = plan.models.length
  const count = (/** @type {PlanRow['tone']} */ tone) =>
    plan.models.filter((model) => toneOf(model) === tone).length
  if (all === 0) return say('import.noModels')
  if (plan.ok && count('optional')) return say('import.allNeededHere')
  if (plan.ok) return sayCount('import.allHere', all)
  const here = count('here')
  const unpacked = plan.models.filter((model) => model.fetch && model.source === BUNDLE).length
  const fetched = count('fetch') - unpacked
  const parts = [
    here === 1 && all > 1
      ? say('import.someHereOne', { count: all })
      : sayCount('import.someHere', all, { here }),
  ]
  if (unpacked) parts.push(say('import.canUnpack', { count: unpacked }))
  if (fetched) parts.push(say('import.canFetch', { count: fetched }))
  if (count('problem')) parts.push(say('import.cannot', { count: count('problem') }))
  return `${parts.join(', ')}.`
}

/**
 * Bytes to download, from where, and the room there is for them.
 *
 * @param {Plan} plan
 */
export function planTotals(plan) {
  const free = formatBytes(plan.bytes_free)
  if (!plan.bytes_to_fetch) return say('import.free', { free })
  const fetched = plan.models.filter((model) => model.fetch)
  const packed = fetched.length > 0 && fetched.every((model) => model.source === BUNDLE)
  const bytes = formatBytes(plan.bytes_to_fetch)
  if (packed) return say('import.toUnpack', { bytes, free })
  const total = say('import.toFetch', { bytes, free })
  const hosts = bytesByHost(plan)
  if (hosts.length < 2) return total
  const each = hosts.map(([host, part]) => say('import.toFetchFrom', { bytes: part, host }))
  return `${total} (${each.join(', ')})`
}

/**
 * @param {Plan} plan
 * @returns {[string, string][]}
 */
function bytesByHost(plan) {
  /** @type {Map<string, number>} */
  const sums = new Map()
  for (const model of plan.models.filter((each) => each.fetch)) {
    const host = sourceOf(model, 'fetch')
    sums.set(host, (sums.get(host) ?? 0) + (model.bytes ?? 0))
  }
  return [...sums].map(([host, bytes]) => [host, formatBytes(bytes)])
}

/**
 * What the main button says, and why it cannot be pressed, if so.
 *
 * @param {Plan} plan
 * @param {number} [files] that a bundle brings and that are not here
 * @returns {{label: string, blocked: string}}
 */
export function installButton(plan, files = 0) {
  const fetched = plan.models.filter((model) => toneOf(model) === 'fetch').length
  let label = say('import.install')
  if (fetched && files) label = say('import.installAll')
  else if (fetched) label = sayCount('import.installModels', fetched)
  else if (files) label = sayCount('import.addImages', files)
  if (plan.installable || (files && !fetched)) return { label, blocked: '' }
  if (plan.ok) return { label, blocked: say('import.blocked.here') }
  if (fetched === 0) return { label, blocked: say('import.blocked.none') }
  const bytes = formatBytes(plan.bytes_to_fetch)
  return { label, blocked: say('import.blocked.room', { bytes, free: formatBytes(plan.bytes_free) }) }
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
 * @param {PlanRow['tone']} tone
 */
function stateOf(model, tone) {
  if (tone === 'optional') return say('import.state.optional')
  if (tone !== 'fetch') return say(`import.state.${model.state}`)
  return say(model.source === BUNDLE ? 'import.state.unpack' : 'import.state.fetch')
}

/**
 * @param {PlannedModel} model
 * @param {PlanRow['tone']} tone
 */
function sourceOf(model, tone) {
  if (tone === 'here') return say('import.thisMachine')
  if (model.source === BUNDLE) return say('import.bundle')
  return model.source ?? say('import.unknownSource')
}

/** @param {PlannedModel} model */
function warningsOf(model) {
  const warnings = [
    model.can_run_code && say('import.pickle'),
    model.known_source === false && say('import.unknownHost'),
    isMature(model.nsfw_level) && say('import.mature'),
    model.gated && say('import.gated'),
  ]
  return warnings.filter((warning) => typeof warning === 'string')
}

/** @param {PlannedPack} pack */
function packState(pack) {
  if (pack.state !== 'other_version') return say(`import.pack.${pack.state}`)
  const version = pack.installed_version
  return version ? say('import.pack.other_version', { version }) : say('import.pack.other_unknown')
}

/** @param {PlannedPack} pack */
function nodesOf(pack) {
  const shown = pack.node_types.slice(0, SHOWN_NODES)
  if (shown.length === 0) return ''
  const more = pack.node_types.length > shown.length ? ', ...' : ''
  return say('import.pack.nodes', { nodes: shown.join(', ') + more })
}
