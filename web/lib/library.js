/** The library's list as values: which cells are to be drawn, and pages that come when needed. */

/** @typedef {import('../types/satchel').LibraryModel} LibraryModel */

/**
 * How a grid lies in a width.
 *
 * @param {{width: number, least: number, gap: number, lines: number}} room `least` is the smallest
 *   width of a cell, `lines` the height of the text below its square picture
 * @returns {{columns: number, cell: number, rowHeight: number}}
 */
export function gridShape({ width, least, gap, lines }) {
  const columns = Math.max(1, Math.floor((width + gap) / (least + gap)))
  const cell = Math.max(1, Math.floor((width - gap * (columns - 1)) / columns))
  return { columns, cell, rowHeight: cell + lines + gap }
}

/**
 * The cell that a key leads to; null for other keys.
 *
 * @param {string} key as keyboard events name it
 * @param {number} at
 * @param {{columns: number, rows: number, count: number}} grid `rows` are those in sight
 */
export function cellAfter(key, at, { columns, rows, count }) {
  const to = {
    ArrowRight: at + 1,
    ArrowLeft: at - 1,
    ArrowDown: at + columns,
    ArrowUp: at - columns,
    PageDown: at + columns * Math.max(1, rows - 1),
    PageUp: at - columns * Math.max(1, rows - 1),
    Home: 0,
    End: count - 1,
  }[key]
  if (to === undefined || count === 0) return null
  // The last row may be short; a step down leads into it.
  const isBelow = to >= count && Math.floor(at / columns) < Math.floor((count - 1) / columns)
  if (to < 0 || (to >= count && !isBelow)) return key.startsWith('Page') ? (to < 0 ? 0 : count - 1) : at
  return Math.min(to, count - 1)
}

/**
 * An address that a page may link to; empty for any other.
 *
 * @param {string | null | undefined} text
 */
export function safeLink(text) {
  try {
    const url = new URL(text ?? '')
    return url.protocol === 'https:' && url.username === '' ? url.href : ''
  } catch {
    return ''
  }
}

/**
 * Trigger words as they are typed: commas and line breaks part them.
 *
 * @param {string} text
 */
export function wordsOf(text) {
  const words = text.split(/[,\n]/).map((word) => word.trim())
  return [...new Set(words.filter((word) => word !== ''))]
}

/** Pages of a long list, asked for when they come into sight. */
export class Pages {
  /** @type {Map<number, LibraryModel[] | 'asked'>} */
  #pages = new Map()
  #generation = 0

  /**
   * @param {(offset: number, limit: number) => Promise<LibraryModel[]>} load
   * @param {(error: unknown) => void} failed
   * @param {number} [size] entries of a page
   */
  constructor(load, failed, size = 60) {
    this.load = load
    this.failed = failed
    this.size = size
  }

  /**
   * Forgets everything; what was asked for before does not arrive any more.
   *
   * @param {LibraryModel[]} [first] the new list's first page, if it is known
   */
  reset(first) {
    this.#generation += 1
    this.#pages.clear()
    if (first) this.#pages.set(0, first)
  }

  /** @param {number} index */
  at(index) {
    const page = this.#pages.get(Math.floor(index / this.size))
    return Array.isArray(page) ? page[index % this.size] : undefined
  }

  /**
   * Asks for what is missing between two places.
   *
   * @param {number} first
   * @param {number} last the first one that is not wanted
   * @param {() => void} arrived called after each page
   */
  want(first, last, arrived) {
    for (let page = Math.floor(first / this.size); page * this.size < last; page += 1) {
      if (!this.#pages.has(page)) void this.#get(page, arrived)
    }
  }

  /**
   * @param {number} page
   * @param {() => void} arrived
   */
  async #get(page, arrived) {
    const generation = this.#generation
    this.#pages.set(page, 'asked')
    try {
      const models = await this.load(page * this.size, this.size)
      if (generation !== this.#generation) return
      this.#pages.set(page, models)
      arrived()
    } catch (error) {
      if (generation !== this.#generation) return
      this.#pages.delete(page)
      this.failed(error)
    }
  }
}
