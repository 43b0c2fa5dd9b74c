/**
 * The rows of a LoRA Stack node as plain values: no host, no DOM.
 *
 * Row N is five widgets named `on_N, lora_N, strength_model_N, strength_clip_N, blocks_N`, in this
 * order; rows count from 1 without gaps. A saved node holds them flat in `widgets_values`.
 */

/**
 * @typedef {object} Row
 * @property {boolean} on
 * @property {string} lora path below the LoRA folder, as the host lists it; kept even when missing
 * @property {number} strength_model
 * @property {number} strength_clip
 * @property {string} blocks empty: all blocks at full weight
 */

/** @typedef {keyof Row} Field */

/** @type {readonly Field[]} */
export const FIELDS = ['on', 'lora', 'strength_model', 'strength_clip', 'blocks']

/**
 * @param {string} lora
 * @returns {Row}
 */
export function newRow(lora) {
  return { on: true, lora, strength_model: 1, strength_clip: 1, blocks: '' }
}

/**
 * @param {Field} field
 * @param {number} number from 1
 */
export function inputName(field, number) {
  return `${field}_${number}`
}

/**
 * Reads a row input's name; null for anything else (`lora_01` and `lora_0` are not ours either).
 *
 * @param {string} name
 * @returns {{field: Field, number: number} | null}
 */
export function parseInputName(name) {
  const match = /^(.+)_([1-9]\d*)$/.exec(name)
  const field = FIELDS.find((candidate) => candidate === match?.[1])
  return field ? { field, number: Number(match?.[2]) } : null
}

/**
 * The rows of a saved node. Takes what it finds: a list of any length (a last row cut short gets
 * defaults), or an object keyed by input name, whose rows close up in the order of their numbers.
 *
 * @param {unknown} saved `widgets_values`
 * @returns {Row[]}
 */
export function rowsFromSaved(saved) {
  if (Array.isArray(saved)) return rowsFromList(saved)
  if (saved !== null && typeof saved === 'object') return rowsFromObject(saved)
  return []
}

/**
 * @param {readonly Row[]} rows
 * @returns {(boolean | number | string)[]}
 */
export function rowsToSaved(rows) {
  return rows.flatMap((row) => FIELDS.map((field) => row[field]))
}

/**
 * The inputs of an API graph's node with its rows numbered from 1 without gaps and complete; values
 * and links (`["3", 0]`) stay as they are.
 *
 * @param {Record<string, unknown>} inputs
 * @returns {{inputs: Record<string, unknown>, rows: number}}
 */
export function closeUpInputs(inputs) {
  /** @type {Map<number, Record<string, unknown>>} */
  const cells = new Map()
  /** @type {Record<string, unknown>} */
  const closed = {}
  for (const [name, value] of Object.entries(inputs)) {
    const input = parseInputName(name)
    if (input) cells.set(input.number, { ...cells.get(input.number), [input.field]: value })
    else closed[name] = value
  }
  const numbers = [...cells.keys()].sort((a, b) => a - b)
  numbers.forEach((old, index) => {
    const row = { ...rowFromCells(cells.get(old) ?? {}), ...cells.get(old) }
    for (const field of FIELDS) closed[inputName(field, index + 1)] = row[field]
  })
  return { inputs: closed, rows: numbers.length }
}

/**
 * @template T
 * @param {readonly T[]} items
 * @param {number} from
 * @param {number} to
 * @returns {T[]}
 */
export function withMoved(items, from, to) {
  const moved = [...items]
  moved.splice(to, 0, ...moved.splice(from, 1))
  return moved
}

/**
 * A LoRA's name without its folder, for lists that have little room.
 *
 * @param {string} name
 */
export function shortName(name) {
  return name.split(/[\\/]/).pop() || name
}

/**
 * @param {unknown[]} list
 * @returns {Row[]}
 */
function rowsFromList(list) {
  const count = Math.ceil(list.length / FIELDS.length)
  const cells = Array.from({ length: count }, (_, row) =>
    Object.fromEntries(FIELDS.map((field, at) => [field, list[row * FIELDS.length + at]])),
  )
  // Other packs save lists of objects, and the host fills gaps with null: no row of ours is that.
  return cells.filter((cell) => Object.values(cell).some(isPlain)).map(rowFromCells)
}

/**
 * @param {object} saved
 * @returns {Row[]}
 */
function rowsFromObject(saved) {
  const { inputs, rows } = closeUpInputs({ ...saved })
  const list = Array.from({ length: rows }, (_, index) =>
    FIELDS.map((field) => inputs[inputName(field, index + 1)]),
  )
  return rowsFromList(list.flat())
}

/**
 * @param {Record<string, unknown>} cells
 * @returns {Row}
 */
function rowFromCells(cells) {
  const strength = toNumber(cells.strength_model, 1)
  return {
    on: typeof cells.on === 'boolean' ? cells.on : true,
    lora: toText(cells.lora),
    strength_model: strength,
    strength_clip: toNumber(cells.strength_clip, strength),
    blocks: toText(cells.blocks),
  }
}

/** @param {unknown} value */
function isPlain(value) {
  return ['boolean', 'number', 'string'].includes(typeof value)
}

/** @param {unknown} value */
function toText(value) {
  return isPlain(value) && typeof value !== 'boolean' ? String(value) : ''
}

/**
 * @param {unknown} value
 * @param {number} fallback
 */
function toNumber(value, fallback) {
  const isNumber = typeof value === 'number' || (typeof value === 'string' && value.trim() !== '')
  return isNumber && Number.isFinite(Number(value)) ? Number(value) : fallback
}
