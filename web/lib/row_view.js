/** What is seen of a LoRA row, and what a touch of it comes to: no host, no DOM. */

import { shortName } from './rows.js'

/** @typedef {import('./rows.js').Row} Row */
/** @typedef {import('../types/satchel').Blocks} Blocks */

const STRENGTH_LIMIT = 10
const EXTENSION = /\.(?:safetensors|sft|pt|pth|ckpt|bin)$/i

/** Steps of keys, wheel and drag; Shift makes them fine. */
export const STEP = 0.05
export const FINE_STEP = 0.01
/** So far the pointer goes for one step. */
const PIXELS_PER_STEP = 6
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)$/

/**
 * @typedef {object} Range
 * @property {number} min
 * @property {number} max
 */

/** @type {Range} */
export const STRENGTHS = { min: -STRENGTH_LIMIT, max: STRENGTH_LIMIT }
/** Parts of sampling. @type {Range} */
export const PARTS = { min: 0, max: 1 }

/**
 * A file as it is shown: its name without ending, and the folder that it is in.
 *
 * @param {string} lora
 */
export function nameParts(lora) {
  const file = shortName(lora)
  const folder = lora.slice(0, lora.length - file.length).replace(/[\\/]+$/, '')
  return { file: file.replace(EXTENSION, '') || file, folder: folder.replaceAll('\\', '/') }
}

/** @param {number} value */
export function formatNumber(value) {
  return value.toFixed(2)
}

/**
 * Two decimals and within what a field takes.
 *
 * @param {number} value
 * @param {Range} range
 */
export function withinRange(value, { min, max }) {
  // Steps of 0.05 add up to 0.15000000000000002; -0 is written as 0.
  return Math.min(max, Math.max(min, Math.round(value * 100) / 100)) || 0
}

/**
 * What somebody typed; null for no number. A comma is read as a decimal point.
 *
 * @param {string} text
 * @param {Range} range
 */
export function parseNumber(text, range) {
  const plain = text.trim().replace(',', '.')
  return NUMBER.test(plain) ? withinRange(Number(plain), range) : null
}

/**
 * Where a key takes a number; null for a key that changes none.
 *
 * @param {string} key
 * @param {number} value
 * @param {boolean} fine
 * @param {Range} range
 */
export function afterKey(key, value, fine, range) {
  const steps = { ArrowUp: 1, ArrowDown: -1, PageUp: 5, PageDown: -5 }[key]
  return steps === undefined ? null : stepped(value, steps, fine, range)
}

/**
 * @param {number} value
 * @param {number} steps
 * @param {boolean} fine
 * @param {Range} range
 */
export function stepped(value, steps, fine, range) {
  return withinRange(value + steps * (fine ? FINE_STEP : STEP), range)
}

/**
 * Where a drag of so many pixels takes a number.
 *
 * @param {number} start
 * @param {number} pixels
 * @param {boolean} fine
 * @param {Range} range
 */
export function dragged(start, pixels, fine, range) {
  return stepped(start, Math.trunc(pixels / PIXELS_PER_STEP), fine, range)
}

/**
 * The row with another strength; of linked ones, both.
 *
 * @param {Row} row
 * @param {'strength_model' | 'strength_clip'} field
 * @param {number} value
 * @param {boolean} linked
 * @returns {Row}
 */
export function withStrength(row, field, value, linked) {
  if (linked) return { ...row, strength_model: value, strength_clip: value }
  return { ...row, [field]: value }
}

/**
 * The shape of weights as a path of bars, low to high over all that is in them and 0 to 1.
 *
 * @param {readonly number[]} values
 * @param {number} width
 * @param {number} height
 * @returns {string} of an SVG path; empty without values
 */
export function sparkline(values, width, height) {
  const low = Math.min(0, ...values)
  const high = Math.max(1, ...values)
  const y = (/** @type {number} */ value) => round(height * (1 - (value - low) / (high - low)))
  const zero = y(0)
  return values
    .map((value, at) => {
      const left = round((at * width) / values.length)
      const right = round(((at + 1) * width) / values.length)
      // A weight of nothing is a hair, so that the row of bars has no holes.
      const top = value === 0 ? round(zero - 0.5) : y(value)
      return `M${left} ${zero}V${top}H${right}V${zero}Z`
    })
    .join('')
}

/** @param {number} value */
function round(value) {
  return Math.round(value * 100) / 100
}

/**
 * Where a row that is let go of at a height belongs.
 *
 * @param {readonly number[]} middles of all rows, from the top
 * @param {number} from index of the row that is dragged
 * @param {number} y
 */
export function dropIndex(middles, from, y) {
  const others = middles.filter((_, at) => at !== from)
  return others.filter((middle) => middle < y).length
}

/**
 * @typedef {object} RowFacts what the server knows of a row's file on the connected model
 * @property {number[] | null} weights of the slots; null where the text gives slots no numbers
 * @property {boolean} fits
 * @property {string | null} trainedFor
 * @property {string | null} blocksError why the block weights have no meaning
 */

/**
 * @param {Blocks} blocks
 * @returns {RowFacts}
 */
export function factsOf({ slots, fits, trained_for: trainedFor, error }) {
  const values = slots.map((slot) => slot.value)
  const known = error === null && values.length > 0 && values.every((value) => value !== null)
  return {
    weights: known ? values.map(Number) : null,
    fits,
    trainedFor,
    blocksError: error?.message ?? null,
  }
}

/**
 * @typedef {'none' | 'empty' | 'missing' | 'unfit' | 'blocks'} ProblemKind
 */

/**
 * What keeps a row from acting. A row that is off needs nothing.
 *
 * @param {Row} row
 * @param {boolean} isKnown whether a folder has its file
 * @param {RowFacts | null} facts null: not known, or not yet
 * @returns {ProblemKind}
 */
export function problemOf(row, isKnown, facts) {
  if (row.lora === '') return 'empty'
  if (!isKnown) return 'missing'
  if (!row.on || facts === null) return 'none'
  if (!facts.fits) return 'unfit'
  return facts.blocksError === null ? 'none' : 'blocks'
}

/** Names of files, asked for whatever way their folders are separated. */
export class KnownNames {
  #known = new Set()
  #read = -1

  /** @param {readonly string[]} names a list that may change */
  constructor(names) {
    this.names = names
  }

  /** @param {string} name */
  has(name) {
    if (this.#read !== this.names.length) this.forget()
    return this.#known.has(plain(name))
  }

  /** Reads the list again; only what changes its length is noticed otherwise. */
  forget() {
    this.#read = this.names.length
    this.#known = new Set(this.names.map(plain))
  }
}

/** @param {string} name */
function plain(name) {
  return name.replaceAll('\\', '/')
}
