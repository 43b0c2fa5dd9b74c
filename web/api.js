/** The server's routes under /satchel/v1, and its jobs. */

import { say } from './lib/strings.js'

/** @typedef {import('./types/satchel').Progress} Progress */
/** @typedef {import('./types/satchel').JobStatus} JobStatus */
/** @typedef {import('./types/satchel').SentDocument} SentDocument */
/** @typedef {import('./types/satchel').PlanResult} PlanResult */
/** @typedef {import('./types/satchel').ConvertResult} ConvertResult */
/** @typedef {import('./types/satchel').NodeSelection} NodeSelection */
/** @typedef {import('./types/satchel').ErrorBody} ErrorBody */

const PREFIX = '/satchel/v1'
const PROGRESS_EVENT = 'satchel.progress'
const POLL_MS = 500
/** Polls that may fail in a row before the server counts as lost: half a minute. */
const MAX_LOST_POLLS = 60

/** What the server, or the way to it, has to say about a request that failed. */
export class SatchelApiError extends Error {
  /** @param {ErrorBody} error */
  constructor(error) {
    super(error.message)
    this.name = 'SatchelApiError'
    this.code = error.code
    /** What the user can do; empty when there is nothing to do. */
    this.hint = error.hint ?? ''
    this.details = error.details ?? {}
  }
}

/** @param {unknown} reason */
export function isCancelled(reason) {
  return reason instanceof SatchelApiError && reason.code === 'cancelled'
}

export class SatchelApi {
  /**
   * @param {import('./types/comfy').ComfyApi} api
   * @param {number} [pollMs]
   */
  constructor(api, pollMs = POLL_MS) {
    this.api = api
    this.pollMs = pollMs
  }

  /**
   * @param {string} route below /satchel/v1
   * @returns {Promise<any>}
   */
  get(route) {
    return this.#request('GET', route)
  }

  /**
   * @param {string} route below /satchel/v1
   * @param {Record<string, unknown>} body
   * @returns {Promise<any>}
   */
  post(route, body) {
    return this.#request('POST', route, body)
  }

  /**
   * @param {string} event the server's, such as `satchel.queue`
   * @param {(detail: any) => void} heard
   * @returns {() => void} stops listening
   */
  on(event, heard) {
    const listen = (/** @type {any} */ happened) => heard(happened.detail)
    this.api.addEventListener(event, listen)
    return () => this.api.removeEventListener(event, listen)
  }

  /**
   * A plan made from what is known already: no file is read and no marketplace is asked.
   *
   * @param {SentDocument} document
   * @returns {Promise<PlanResult>}
   */
  quickPlan(document) {
    return this.#request('POST', '/plan', { ...document, quick: true })
  }

  /**
   * Types of other packs' nodes that can become LoRA Stacks.
   *
   * @returns {Promise<string[]>}
   */
  async convertibleTypes() {
    return (await this.#request('GET', '/status')).convertible
  }

  /** @returns {Promise<string>} the release of this package on the server */
  async version() {
    return (await this.#request('GET', '/status')).version
  }

  /**
   * The graph with LoRA Stacks in the place of other packs' nodes.
   *
   * @param {SentDocument} document
   * @param {NodeSelection} selection
   * @returns {Promise<ConvertResult>}
   */
  convert(document, selection) {
    return this.#request('POST', '/convert', { ...document, ...selection })
  }

  /**
   * Block weights with the content of the user's own presets, which other machines do not have.
   *
   * @param {string} text
   * @returns {Promise<string>}
   */
  async blockWeightsWithContent(text) {
    return (await this.#request('POST', '/block-weights', { text })).text
  }

  /**
   * Block weights on the slots of an architecture.
   *
   * @param {import('./types/satchel').BlocksRequest} request
   * @returns {Promise<import('./types/satchel').Blocks>}
   */
  blocks(request) {
    return this.#request('POST', '/blocks', request)
  }

  /**
   * The stack presets of the server.
   *
   * @returns {Promise<import('./types/satchel').StackPresets>}
   */
  stackPresets() {
    return this.#request('GET', '/stack-presets')
  }

  /**
   * Changes the stack presets, or shares one as the content of a file.
   *
   * @param {'save' | 'delete' | 'share' | 'import'} action
   * @param {{name?: string, rows?: unknown[], replace?: boolean, file?: unknown}} body
   * @returns {Promise<any>} the presets as they are then; for `share` the file
   */
  changeStackPresets(action, body) {
    return this.#request('POST', `/stack-presets/${action}`, body)
  }

  /**
   * What is known of LoRA files: here, their trigger words.
   *
   * @param {string[]} names
   * @returns {Promise<import('./types/satchel').KnownWords[]>}
   */
  async wordsOf(names) {
    const files = names.map((name) => ({ kind: 'loras', name }))
    return (await this.#request('POST', '/model-info', { files })).models
  }

  /**
   * How much a LoRA changes each slot of an architecture. Its file is read for that.
   *
   * @param {string} lora
   * @param {string} architecture
   * @param {AbortSignal} signal
   * @returns {Promise<{norms: Record<string, number>, unmeasured: number}>}
   */
  blockNorms(lora, architecture, signal) {
    return this.runJob('block-norms', { lora, architecture }, () => {}, signal)
  }

  /**
   * All LoRAs that are here, with what is known of each.
   *
   * @param {{known: string, model: {directory: string, name: string} | null}} body
   * @returns {Promise<import('./types/satchel').LoraCards>}
   */
  loras(body) {
    return this.#request('POST', '/loras', body)
  }

  /**
   * Where the picture of a model file is.
   *
   * @param {string} kind
   * @param {string} name
   * @param {number} stamp when it was changed
   * @param {'small' | 'large'} size
   */
  previewUrl(kind, name, stamp, size) {
    const query = new URLSearchParams({ kind, name, size, v: String(stamp) })
    return this.api.apiURL(`${PREFIX}/preview?${query}`)
  }

  /**
   * Where the picture of a model is that a search found.
   *
   * @param {string} key
   */
  foundPictureUrl(key) {
    return this.api.apiURL(`${PREFIX}/found-picture?${new URLSearchParams({ key })}`)
  }

  /**
   * Hands a bundle to the server, which keeps it for some hours.
   *
   * @param {Blob} bundle
   * @param {AbortSignal} signal
   * @returns {Promise<string>} its id, as a document has it
   */
  async upload(bundle, signal) {
    const sent = { headers: { 'Content-Type': 'application/zip' }, body: bundle, signal }
    return (await this.#send('/uploads', { method: 'POST', ...sent })).upload
  }

  /**
   * Where the browser gets a bundle that the server has made.
   *
   * @param {string} file its id
   */
  bundleUrl(file) {
    return this.api.apiURL(`${PREFIX}/bundle/${file}`)
  }

  /**
   * Some files of the library.
   *
   * @param {import('./types/satchel').LibraryWanted & {offset: number, limit: number, stamp: string}} body
   *   without a stamp the folders are listed anew
   * @returns {Promise<import('./types/satchel').LibraryPage>}
   */
  library(body) {
    return this.#request('POST', '/library', body)
  }

  /**
   * @param {import('./types/satchel').LibraryFile} file
   * @returns {Promise<import('./types/satchel').LibraryDetails>}
   */
  libraryDetails(file) {
    return this.#request('POST', '/library/details', file)
  }

  /**
   * Keeps what the user writes about a file.
   *
   * @param {import('./types/satchel').LibraryFile} file
   * @param {{text: string, trigger_words: string[]}} note
   */
  saveNote(file, note) {
    return this.#request('POST', '/library/notes', { ...file, ...note })
  }

  /**
   * Saved workflows that name a file; null where nobody can tell.
   *
   * @param {import('./types/satchel').LibraryFile} file
   * @returns {Promise<{workflows: string[] | null}>}
   */
  usedIn(file) {
    return this.#request('POST', '/library/used-in', file)
  }

  /**
   * Puts a model into the download queue.
   *
   * @param {string} reference
   * @param {string} kind
   */
  queueDownload(reference, kind) {
    return this.#request('POST', '/queue/add', { reference, kind })
  }

  /**
   * Starts a job and follows it to its end, by websocket events and, since those may be missing,
   * by polling.
   *
   * @param {'plan' | 'install' | 'export' | 'bundle' | 'previews' | 'scan' | 'updates' | 'block-norms'} action
   * @param {Record<string, unknown>} document a workflow, or what the action takes instead
   * @param {(progress: Progress) => void} onProgress
   * @param {AbortSignal} signal cancels the job on the server
   * @returns {Promise<any>} the job's result
   */
  async runJob(action, document, onProgress, signal) {
    const body = { ...document, wait: false, client_id: this.api.clientId }
    const { job } = await this.#request('POST', `/${action}`, body)
    const wake = new Wake()
    const listen = (/** @type {any} */ event) => {
      if (event.detail?.job !== job) return
      onProgress(event.detail)
      if (['done', 'failed'].includes(event.detail.state)) wake.now()
    }
    const cancel = () => this.#request('POST', `/jobs/${job}/cancel`, {}).catch(() => {})
    this.api.addEventListener(PROGRESS_EVENT, listen)
    signal.addEventListener('abort', cancel, { once: true })
    if (signal.aborted) cancel()
    try {
      return await this.#follow(job, onProgress, wake)
    } finally {
      this.api.removeEventListener(PROGRESS_EVENT, listen)
      signal.removeEventListener('abort', cancel)
    }
  }

  /**
   * @param {string} job
   * @param {(progress: Progress) => void} onProgress
   * @param {Wake} wake
   */
  async #follow(job, onProgress, wake) {
    for (let lost = 0; ; ) {
      await wake.after(this.pollMs)
      /** @type {JobStatus} */
      let status
      try {
        status = await this.#request('GET', `/jobs/${job}`)
        lost = 0
      } catch (error) {
        lost += 1
        if (!isUnreachable(error) || lost > MAX_LOST_POLLS) throw error
        continue
      }
      if (status.state === 'done') return status.result
      if (status.state !== 'running') throw new SatchelApiError(status.error ?? noReason(status))
      if (status.progress) onProgress(status.progress)
    }
  }

  /**
   * @param {'GET' | 'POST'} method
   * @param {string} route
   * @param {unknown} [body]
   * @returns {Promise<any>}
   */
  async #request(method, route, body) {
    const sent =
      body === undefined
        ? { method }
        : {
            method,
            headers: { 'Content-Type': 'application/json' },
            body: JSON.stringify(body),
          }
    return this.#send(route, sent)
  }

  /**
   * @param {string} route
   * @param {RequestInit} sent
   * @returns {Promise<any>}
   */
  async #send(route, sent) {
    /** @type {Response} */
    let response
    try {
      response = await this.api.fetchApi(PREFIX + route, sent)
    } catch {
      if (sent.signal?.aborted) throw new SatchelApiError({ code: 'cancelled', message: 'Cancelled.' })
      throw new SatchelApiError({
        code: 'unreachable',
        message: say('server.silent'),
        hint: say('server.silentHint'),
      })
    }
    const answer = await response.json().catch(() => null)
    if (!response.ok) throw new SatchelApiError(answer?.error ?? badStatus(response.status))
    return answer
  }
}

/** A pause that can be cut short. */
class Wake {
  #wake = () => {}
  #early = false

  now() {
    this.#early = true
    this.#wake()
  }

  /** @param {number} ms */
  async after(ms) {
    if (!this.#early) {
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, ms)
        this.#wake = () => {
          clearTimeout(timer)
          resolve(undefined)
        }
      })
    }
    this.#early = false
  }
}

/** @param {unknown} error */
function isUnreachable(error) {
  return error instanceof SatchelApiError && error.code === 'unreachable'
}

/** @param {JobStatus} status */
function noReason(status) {
  return { code: status.state, message: say('server.ended', { state: status.state }) }
}

/** @param {number} status */
function badStatus(status) {
  return {
    code: 'bad_status',
    message: say('server.status', { status }),
    hint: say('server.statusHint'),
  }
}
