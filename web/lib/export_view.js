/** An export in words: what the dialog shows, decided without a DOM. */

import { formatBytes } from './bytes.js'
import { kindTitle, licenceText } from './plan_view.js'
import { say, sayCount } from './strings.js'

/** @typedef {import('../types/satchel').ExportResult} ExportResult */
/** @typedef {import('../types/comfy').SavedGraph} SavedGraph */
/** @typedef {import('../types/comfy').ApiGraph} ApiGraph */

/**
 * @typedef {object} ExportRow
 * @property {string} name
 * @property {string} kind
 * @property {string} digest
 * @property {string} source host names, the first one counts
 * @property {string} licence
 * @property {string} size
 * @property {boolean} unresolved
 */

/** @typedef {'json' | 'api' | 'png' | 'webp' | 'zip'} ExportFormat */

/** @type {ExportFormat[]} */
export const FORMATS = ['json', 'png', 'webp', 'zip', 'api']
const SHORT_DIGEST = 12

/**
 * @param {ExportResult} result
 * @returns {ExportRow[]} what is unresolved first
 */
export function exportRows(result) {
  const unresolved = new Set(result.unresolved.map(keyOf))
  const rows = result.lock.models.map((model) => ({
    name: model.name,
    kind: kindTitle(model.directory),
    digest: model.sha256
      ? say('export.hash', { digest: model.sha256.slice(0, SHORT_DIGEST) })
      : say('export.noHash'),
    source: hostsOf(model).join(', '),
    licence: licenceText(model),
    size: model.size ? formatBytes(model.size) : '',
    unresolved: unresolved.has(keyOf(model)),
  }))
  return rows.sort((a, b) => Number(b.unresolved) - Number(a.unresolved))
}

/** @param {ExportResult} result */
export function exportSummary(result) {
  const all = result.lock.models.length
  if (all === 0) return say('export.empty')
  const resolved = all - result.unresolved.length
  const told = []
  if (resolved) told.push(sayCount('export.carries', resolved))
  if (result.unresolved.length) {
    told.push(sayCount('export.unresolvedCount', result.unresolved.length))
  }
  return told.join(' ')
}

/**
 * Node packs as `id version`.
 *
 * @param {ExportResult} result
 */
export function packNames(result) {
  const packs = result.lock.node_packs ?? []
  return packs.map((pack) => {
    const named = pack.cnr_id ?? pack.aux_id ?? (pack.node_types ?? []).join(', ')
    return [named, pack.version ?? ''].filter(Boolean).join(' ')
  })
}

/**
 * Bytes of the models that a bundle would hold.
 *
 * @param {ExportResult} result
 */
export function modelBytes(result) {
  return result.lock.models.reduce((sum, model) => sum + (model.size ?? 0), 0)
}

/**
 * Both forms of the open graph, as far as it can be turned into an API graph.
 *
 * @param {{workflow: SavedGraph, output: ApiGraph}} graph
 * @returns {import('../types/satchel').SentDocument}
 */
export function exportedDocument({ workflow, output }) {
  const nodes = Object.values(output ?? {})
  const complete = nodes.length > 0 && nodes.every((node) => typeof node?.class_type === 'string')
  if (!complete) return { json: workflow }
  return { json: { prompt: output, extra_data: { extra_pnginfo: { workflow } } } }
}

/**
 * Names of the files that a format saves.
 *
 * @param {string} stem
 * @param {ExportFormat} format
 */
export function savedNames(stem, format) {
  if (format === 'api') return [`${stem}.api.json`, `${stem}.api.lock.json`]
  return [`${stem}.portable.${format}`]
}

/** @param {{directory: string, name: string}} model */
export function keyOf(model) {
  return `${model.directory}/${model.name}`
}

/**
 * The hosts that a model is published at, the first one counts.
 *
 * @param {import('../types/satchel').LockedModel} model
 */
function hostsOf(model) {
  const urls = (model.sources ?? []).map((source) => source.url)
  return [...new Set(urls.filter((url) => URL.canParse(url)).map((url) => new URL(url).hostname))]
}
