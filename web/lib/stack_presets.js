/** Stack presets as values: what can be saved of a stack, and rows with the names of files here. */

/** @typedef {import('./rows.js').Row} Row */
/** @typedef {import('../types/satchel').StackPreset} StackPreset */

/** What the server takes. */
export const MAX_FILE_BYTES = 8 * 1024 * 1024

/**
 * The rows that name a LoRA.
 *
 * @param {readonly Row[]} rows
 */
export function savedRows(rows) {
  return rows.filter(({ lora }) => lora !== '' && lora !== 'None')
}

/**
 * Rows of a preset with their LoRAs as the host lists them here, whichever way its separators lean.
 *
 * @param {readonly Row[]} rows
 * @param {readonly string[]} names of all files
 * @returns {Row[]}
 */
export function rowsHere(rows, names) {
  const plain = (/** @type {string} */ name) => name.replaceAll('\\', '/')
  const here = new Map(names.map((name) => [plain(name), name]))
  return rows.map((row) => ({ ...row, lora: here.get(plain(row.lora)) ?? row.lora }))
}

/**
 * The LoRAs of a preset in few words.
 *
 * @param {StackPreset} preset
 */
export function summary({ rows }) {
  return rows
    .map(({ lora }) => (lora.split(/[\\/]/).pop() ?? lora).replace(/\.\w+$/, ''))
    .join(', ')
}
