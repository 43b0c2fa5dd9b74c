/** What the views of the sidebar say, decided without a DOM. */

import { formatBytes } from './bytes.js'
import { hasString, say } from './strings.js'

/** @typedef {import('../types/satchel').QueueEntry} QueueEntry */
/** @typedef {import('../types/satchel').PublishedFile} PublishedFile */

/** Bits of Civitai's NSFW level, the strongest first. @type {[number, string][]} */
const RATINGS = [
  [16, 'XXX'],
  [8, 'X'],
  [4, 'R'],
  [2, 'PG-13'],
  [1, 'PG'],
]
/** @type {Record<string, string>} */
const SOURCES = {
  civitai: 'Civitai',
  huggingface: 'Hugging Face',
  modelscope: 'ModelScope',
  civarchive: 'CivArchive',
  fal: 'fal',
  replicate: 'Replicate',
}
/** What may still need somebody comes first. */
const STATES = ['running', 'queued', 'paused', 'failed', 'done', 'cancelled']
const SHORT_HASH = 10

/**
 * The strongest content that an author declared; empty when not rated.
 *
 * @param {number | null | undefined} level
 */
export function rating(level) {
  return RATINGS.find(([bit]) => (level ?? 0) & bit)?.[1] ?? ''
}

/** @param {string} kind `Source.kind` of the server */
export function sourceTitle(kind) {
  return SOURCES[kind] ?? kind
}

/** @param {string} sha256 */
export function shortHash(sha256) {
  return sha256.slice(0, SHORT_HASH)
}

/**
 * @param {number} seconds
 */
export function duration(seconds) {
  const whole = Math.max(1, Math.round(seconds))
  if (whole < 90) return say('side.time.seconds', { count: whole })
  const minutes = Math.round(whole / 60)
  if (minutes < 90) return say('side.time.minutes', { count: minutes })
  const hours = Math.floor(minutes / 60)
  return say('side.time.hours', { hours, minutes: minutes % 60 })
}

/**
 * The queue as a list for people: what runs, then what waits in its order, then the rest, the newest
 * first.
 *
 * @param {readonly QueueEntry[]} entries
 * @returns {QueueEntry[]}
 */
export function queueOrder(entries) {
  return [...entries].sort((a, b) => {
    const state = STATES.indexOf(a.state) - STATES.indexOf(b.state)
    if (state !== 0) return state
    if (a.state === 'done' || a.state === 'cancelled') return b.id - a.id
    return b.priority - a.priority || a.position - b.position || a.id - b.id
  })
}

/**
 * How far a download is, in words.
 *
 * @param {QueueEntry} entry
 * @param {number} now seconds since 1970
 */
export function queueProgress(entry, now) {
  const { state, done, total } = entry
  if (state === 'done') return total === null ? '' : formatBytes(total)
  if (state === 'cancelled') return ''
  const parts = []
  if (total !== null) parts.push(say('side.bytesOf', { done: formatBytes(done), total: formatBytes(total) }))
  else if (done > 0) parts.push(formatBytes(done))
  if (state === 'running' && entry.bytes_per_s > 0) {
    parts.push(say('side.speed', { bytes: formatBytes(entry.bytes_per_s) }))
    if (entry.seconds_left !== null) parts.push(say('side.left', { time: duration(entry.seconds_left) }))
  }
  if (state === 'queued' && (entry.retry_at ?? 0) > now) {
    parts.push(say('side.again', { time: duration((entry.retry_at ?? 0) - now) }))
  }
  return parts.join(' · ')
}

/**
 * What can be done with a download.
 *
 * @param {QueueEntry['state']} state
 */
export function queueActions(state) {
  return {
    pause: state === 'running' || state === 'queued',
    resume: state === 'paused',
    retry: state === 'failed' || state === 'cancelled',
    cancel: state !== 'done' && state !== 'cancelled',
    prioritize: state === 'queued' || state === 'paused' || state === 'running',
  }
}

/** @param {QueueEntry['state']} state */
export function queueState(state) {
  const key = `side.state.${state}`
  return hasString(key) ? say(key) : state
}

/**
 * One published file in a line.
 *
 * @param {PublishedFile} file
 */
export function fileFacts(file) {
  const about = file.about_bytes ? say('side.sizeAbout', { size: formatBytes(file.about_bytes) }) : say('side.sizeUnknown')
  const size = file.size === null ? about : formatBytes(file.size)
  return [size, file.format, file.precision, file.file_type === 'Model' ? '' : file.file_type].filter(Boolean)
}

/**
 * What the download queue takes for a published file; empty if nothing names it.
 *
 * @param {PublishedFile} file
 */
export function fileReference(file) {
  return file.sources[0]?.url ?? file.sha256 ?? ''
}

/**
 * Words to search for a model whose file is missing: its name without folder, ending, and the marks
 * between its words.
 *
 * @param {string} name
 */
export function searchWords(name) {
  const file = name.slice(Math.max(name.lastIndexOf('/'), name.lastIndexOf('\\')) + 1)
  const stem = file.replace(/\.[a-z0-9]{2,12}$/i, '')
  return stem.replace(/[_\-.]+/g, ' ').trim()
}

/**
 * The parts of a graph that a plan depends on, as one text: moving a node is no change.
 *
 * @param {import('../types/comfy').SavedGraph} graph
 * @returns {string}
 */
export function planKey(graph) {
  const nodes = (/** @type {import('../types/comfy').SavedGraph} */ part) =>
    (part.nodes ?? []).map((node) => {
      const { id, type, mode, widgets_values: values, properties } = /** @type {any} */ (node)
      return [id, type, mode ?? 0, values ?? null, properties?.models ?? null]
    })
  const inner = (graph.definitions?.subgraphs ?? []).map(nodes)
  return JSON.stringify([graph.id ?? '', nodes(graph), inner, graph.extra?.satchel ?? null])
}

/**
 * What a set of newer versions means for the page.
 *
 * @param {{stamp: string, count: number}} known
 * @param {{seen: string | null, told: string | null}} before stamps of earlier sets
 * @returns {{badge: string | null, toast: boolean}}
 */
export function updateNews({ stamp, count }, { seen, told }) {
  if (stamp === '' || count === 0 || stamp === seen) return { badge: null, toast: false }
  return { badge: String(count), toast: stamp !== told }
}

/**
 * Limits of the queue from what stands in their fields. Bandwidth is typed in MB per second; nothing
 * or 0 is no limit.
 *
 * @param {Record<string, string>} texts
 * @returns {import('../types/satchel').QueueLimits}
 */
export function limitsFrom({ bytes_per_s: speed, total, per_host, connections }) {
  const megabytes = Number(speed)
  return {
    total: Number(total),
    per_host: Number(per_host),
    connections: Number(connections),
    bytes_per_s: megabytes > 0 ? Math.max(1000, Math.round(megabytes * 1e6)) : null,
  }
}
