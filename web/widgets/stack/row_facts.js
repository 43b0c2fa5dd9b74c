/** What the server knows of rows' files and block weights, asked for once and few at a time. */

import { factsOf } from '../../lib/row_view.js'

/** @typedef {import('../../lib/row_view.js').RowFacts} RowFacts */
/** @typedef {import('../../lib/rows.js').Row} Row */
/** @typedef {{directory: string, name: string} | null} Model */

const AT_ONCE = 2
const MOST = 1000

export class RowFactsBook {
  /** null: asked for. @type {Map<string, RowFacts | null>} */
  #facts = new Map()
  /** @type {(() => Promise<void>)[]} */
  #waiting = []
  #running = 0
  /** @type {Set<() => void>} */
  #readers = new Set()

  /** @param {Pick<import('../../api.js').SatchelApi, 'blocks'>} satchel */
  constructor(satchel) {
    this.satchel = satchel
  }

  /**
   * What is known already; what is not is asked for, and readers are told when it is there.
   *
   * @param {Row} row
   * @param {Model} model that the row acts on, where the graph tells it
   * @returns {RowFacts | null}
   */
  of(row, model) {
    if (row.lora === '') return null
    const request = { lora: row.lora, model, text: row.blocks }
    const key = JSON.stringify(request)
    const known = this.#facts.get(key)
    if (known !== undefined) return known
    if (this.#facts.size >= MOST) this.#facts.clear()
    this.#facts.set(key, null)
    this.#waiting.push(async () => {
      // Without an answer the row is shown as if nothing were wrong; the run will tell.
      const blocks = await this.satchel.blocks(request).catch(() => null)
      if (blocks && this.#facts.has(key)) this.#facts.set(key, factsOf(blocks))
    })
    void this.#work()
    return null
  }

  /** Files may have changed. */
  forget() {
    this.#facts.clear()
    this.tell()
  }

  /** Makes all readers look again. */
  tell() {
    for (const told of this.#readers) told()
  }

  /**
   * @param {() => void} told when something new is known
   * @returns {() => void} ends that
   */
  read(told) {
    this.#readers.add(told)
    return () => this.#readers.delete(told)
  }

  async #work() {
    if (this.#running >= AT_ONCE) return
    this.#running += 1
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      await next()
      this.tell()
    }
    this.#running -= 1
  }
}
