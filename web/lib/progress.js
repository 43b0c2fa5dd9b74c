/** Progress of a job in words and as a share, from the events that the server sends. */

import { formatBytes } from './bytes.js'
import { say } from './strings.js'

/** @typedef {import('../types/satchel').Progress} Progress */

export class JobProgress {
  /** Bytes done, by file name. @type {Map<string, number>} */
  #done = new Map()

  /** @param {number} totalBytes of all files together; 0 when it is not known */
  constructor(totalBytes) {
    this.totalBytes = totalBytes
  }

  /**
   * @param {Progress} event
   * @returns {{text: string, share: number | null}} share from 0 to 1; null when it is not known
   */
  update(event) {
    if (event.state === 'downloading' || event.state === 'unpacking') return this.#downloading(event)
    if (event.state === 'hashing') {
      const part = event.total ? event.done / event.total : 0
      const share = event.files_total ? (event.files_done + part) / event.files_total : part
      return { text: say('job.reading', { name: event.name }), share: Math.min(1, share) || null }
    }
    if (event.state === 'packing') {
      const part = event.total ? event.done / event.total : 0
      const share = event.files_total ? (event.files_done + part) / event.files_total : part
      return { text: say('export.packing', { name: event.name }), share: Math.min(1, share) || null }
    }
    if (event.state === 'previews') {
      const { files_done: done, files_total: total } = event
      return { text: say('side.pictures.getting', { done, total }), share: total ? done / total : null }
    }
    if (event.state === 'resolving') return { text: say('job.asking'), share: null }
    return { text: say('job.finishing'), share: null }
  }

  /** @param {Progress} event */
  #downloading(event) {
    this.#done.set(event.name, Math.max(event.done, this.#done.get(event.name) ?? 0))
    const sum = [...this.#done.values()].reduce((total, bytes) => total + bytes, 0)
    const all = Math.max(this.totalBytes, event.total)
    const place = { file: event.files_done + 1, files: event.files_total }
    const files = event.files_total > 1 ? say('job.files', place) : ''
    const bytes = event.total
      ? say('job.bytes', { done: formatBytes(event.done), total: formatBytes(event.total) })
      : formatBytes(event.done)
    return {
      text: say('job.downloading', { name: event.name, files, bytes }),
      share: all ? Math.min(1, sum / all) : null,
    }
  }
}
