/**
 * Copies rows between nodes, tabs and programs: the system's clipboard holds `<lora:...>` text, the
 * page's own storage all that a row has. What was copied last counts.
 */

import { rowsFromTags, rowsToTags } from '../lib/row_tags.js'
import { rowsFromSaved, rowsToSaved } from '../lib/rows.js'

/** @typedef {import('../lib/rows.js').Row} Row */

const KEY = 'Satchel.CopiedRows'

/**
 * Keeps all that rows have.
 *
 * @param {readonly Row[]} rows
 * @returns {string} what the system's clipboard is to hold
 */
export function keepRows(rows) {
  const text = rowsToTags(rows)
  localStorage.setItem(KEY, JSON.stringify({ text, saved: rowsToSaved(rows) }))
  return text
}

/** @param {readonly Row[]} rows */
export async function copyRows(rows) {
  const text = keepRows(rows)
  // Without a clipboard (plain http), the storage is enough for other nodes.
  await navigator.clipboard?.writeText(text).catch(() => {})
}

/**
 * @param {readonly string[]} names of all files
 * @returns {Promise<{rows: Row[], refused: string[]}>}
 */
export async function pastedRows(names) {
  const text = await navigator.clipboard?.readText().catch(() => null)
  return rowsOfText(text ?? null, names)
}

/**
 * @param {string | null} text of the system's clipboard; null where nobody may read it
 * @param {readonly string[]} names of all files
 * @returns {{rows: Row[], refused: string[]}} `refused`: tags that say what a row cannot
 */
export function rowsOfText(text, names) {
  const own = stored()
  if (text === null || text === own.text) return { rows: own.rows, refused: [] }
  return rowsFromTags(text, names)
}

/** @returns {{text: string, rows: Row[]}} */
function stored() {
  try {
    const { text, saved } = JSON.parse(localStorage.getItem(KEY) ?? '{}')
    return { text: String(text), rows: rowsFromSaved(saved) }
  } catch {
    return { text: '', rows: [] } // somebody else wrote there
  }
}
