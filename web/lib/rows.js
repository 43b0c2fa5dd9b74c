/**
 * The rows of a LoRA Stack node as plain values: no host, no DOM.
 *
 * Row N is five widgets named `on_N, lora_N, strength_model_N, strength_clip_N, blocks_N`, in this
 * order, and where the user wants them `start_N, stop_N` and `on_mismatch_N`; rows count from 1
 * without gaps. A saved node holds them flat in `widgets_values`; as `on` alone is true or false,
 * each row begins where one of these is.
 */

/**
 * @typedef {object} Row
 * @property {boolean} on
 * @property {string} lora path below the LoRA folder, as the host lists it; kept even when missing
 * @property {number} strength_model
 * @property {number} strength_clip
 * @property {string} blocks empty: all blocks at full weight
 * @property {number} [start] from this part of sampling on, 0 to 1
 * @property {number} [stop] up to this part of sampling
 * @property {string} [on_mismatch] `stop` or `skip`
 */

/** @typedef {keyof Row} Field */

/** What each row has. @type {readonly Field[]} */
export const FIELDS = ['on', 'lora', 'strength_model', 'strength_clip', 'blocks']

/** What a row may have, in saved order. @type {readonly Field[]} */
export const OPTIONAL_FIELDS = ['start', 'stop', 'on_mismatch']

/** @type {readonly Field[]} */
export const ALL_FIELDS = [...FIELDS, ...OPTIONAL_FIELDS]

export const ON_MISMATCH = ['stop', 'skip']

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
  const field = ALL_FIELDS.find((candidate) => candidate === match?.[1])
  return field ? { field, number: Number(match?.[2]) } : null
}

/**
 * The fields of a row that are widgets.
 *
 * @param {Row} row
 */
export function fieldsOf(row) {
  return ALL_FIELDS.filter((field) => FIELDS.includes(field) || row[field] !== undefined)
}

/**
 * The row with a window of sampling, or without if it has one.
 *
 * @param {Row} row
 * @returns {Row}
 */
export function withWindowToggled({ start, stop, ...row }) {
  return start === undefined ? { ...row, start: 0, stop: 1 } : row
}

/**
 * The row that is skipped if it does not fit, or stops the run again.
 *
 * @param {Row} row
 * @returns {Row}
 */
export function withSkipToggled({ on_mismatch, ...row }) {
  return on_mismatch === 'skip' ? row : { ...row, on_mismatch: 'skip' }
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
 * @returns {(boolean | number | string | undefined)[]}
 */
export function rowsToSaved(rows) {
  return rows.flatMap((row) => fieldsOf(row).map((field) => row[field]))
}

/**
 * The inputs of an API graph's node with its rows numbered from 1 without gaps and complete; values
 * and links (`["3", 0]`) stay as they are.
 *
 * @param {Record<string, unknown>} inputs
 * @returns {{inputs: Record<string, unknown>, rows: Row[]}} the rows have defaults for links
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
  const rows = numbers.map((old) => rowFromCells(cells.get(old) ?? {}))
  rows.forEach((row, index) => {
    const values = { ...row, ...cells.get(numbers[index] ?? 0) }
    for (const field of fieldsOf(row)) closed[inputName(field, index + 1)] = values[field]
  })
  return { inputs: closed, rows }
}

/**
 * The input sockets of a saved node that its rows are to have. Older versions gave every field one
 * and no label; of these, only those that are linked stay.
 *
 * @template {{name: string, label?: string, link?: unknown}} Slot
 * @param {readonly Slot[]} inputs
 * @param {readonly Row[]} rows
 * @returns {{inputs: Slot[], shown: {field: Field, number: number}[], isOld: boolean}} `shown`: those
 *   of rows, in their order; `isOld`: some were dropped
 */
export function keptInputs(inputs, rows) {
  const parsed = inputs.map((input) => ({ input, cell: parseInputName(input.name) }))
  const kept = parsed.filter(({ input, cell }) => {
    if (cell === null) return true
    const row = rows[cell.number - 1]
    const isOurs = input.link != null || Boolean(input.label)
    return isOurs && row !== undefined && fieldsOf(row).includes(cell.field)
  })
  return {
    inputs: kept.map(({ input }) => input),
    shown: kept.flatMap(({ cell }) => cell ?? []),
    isOld: kept.length < inputs.length,
  }
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
  // Other packs save lists of objects, and the host fills gaps with null: no row of ours is that.
  const starts = [...list.keys()].filter((at) => typeof list[at] === 'boolean')
  return starts.map((start, index) => rowFromCells(cellsOf(list.slice(start, starts[index + 1]))))
}

/**
 * @param {unknown[]} values of one row
 * @returns {Record<string, unknown>}
 */
function cellsOf(values) {
  const more = values.slice(FIELDS.length)
  const numbers = more.filter((value) => typeof value === 'number')
  const onMismatch = more.find((value) => ON_MISMATCH.includes(String(value)))
  return {
    ...Object.fromEntries(FIELDS.map((field, at) => [field, values[at]])),
    ...(numbers.length > 0 && { start: numbers[0], stop: numbers[1] }),
    ...(onMismatch !== undefined && { on_mismatch: onMismatch }),
  }
}

/**
 * @param {object} saved
 * @returns {Row[]}
 */
function rowsFromObject(saved) {
  return closeUpInputs({ ...saved }).rows
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
    ...(('start' in cells || 'stop' in cells) && {
      start: toNumber(cells.start, 0),
      stop: toNumber(cells.stop, 1),
    }),
    ...('on_mismatch' in cells && { on_mismatch: cells.on_mismatch === 'skip' ? 'skip' : 'stop' }),
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
