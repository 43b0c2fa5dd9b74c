/** Rows as `<lora:...>` text, as prompts and other programs have it, and back. No DOM. */

import { newRow, shortName } from './rows.js'

/** @typedef {import('./rows.js').Row} Row */

const TAG = /<(?:lora|lyco):([^<>]*)>/gi
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)$/
const EXTENSION = /\.(?:safetensors|sft|pt|pth|ckpt|bin)$/i
/** Keys of a tag that a row has a place for. */
const KEYS = ['te', 'unet', 'lbw', 'w']

/**
 * The rows that are on, one tag each. A row with block weights has its strengths by name, since their
 * order differs between programs once a tag has block weights.
 *
 * @param {readonly Row[]} rows
 */
export function rowsToTags(rows) {
  return rows
    .filter((row) => row.on && row.lora !== '')
    .map(({ lora, strength_model: model, strength_clip: clip, blocks }) => {
      const name = lora.replace(EXTENSION, '').replaceAll('\\', '/')
      if (blocks !== '') return `<lora:${name}:te=${clip}:unet=${model}:lbw=${blocks}>`
      return model === clip ? `<lora:${name}:${model}>` : `<lora:${name}:${model}:${clip}>`
    })
    .join(' ')
}

/**
 * The rows that a text's tags stand for. A name that no file has stays as it is written, so that the
 * row shows what is missing.
 *
 * @param {string} text
 * @param {readonly string[]} names of all files
 * @returns {{rows: Row[], refused: string[]}} `refused`: tags that say what a row cannot
 */
export function rowsFromTags(text, names) {
  /** @type {Row[]} */
  const rows = []
  const refused = []
  for (const [tag, content = ''] of text.matchAll(TAG)) {
    const row = rowFromTag(content, names)
    if (row) rows.push(row)
    else refused.push(tag)
  }
  return { rows, refused }
}

/**
 * @param {string} content
 * @param {readonly string[]} names
 * @returns {Row | null}
 */
function rowFromTag(content, names) {
  const [name = '', ...items] = content.split(':').map((item) => item.trim())
  /** @type {Record<string, string>} */
  const keyed = {}
  /** @type {number[]} */
  const numbers = []
  for (const item of items.filter(Boolean)) {
    const [, key = '', value = ''] = /^(\w+)\s*=\s*(.*)$/s.exec(item) ?? []
    if (NUMBER.test(item)) numbers.push(Number(item))
    else if (KEYS.includes(key)) keyed[key] = value
    else return null
  }
  const strengths = [keyed.te, keyed.unet].filter((value) => value !== undefined)
  if (name === '' || numbers.length > 2 || !strengths.every((value) => NUMBER.test(value))) {
    return null
  }
  const [first = 1, second = first] = numbers
  // The WebUI's first number is the text encoder's, that of ComfyUI's packs is the model's.
  const [model, clip] = Object.keys(keyed).length > 0 ? [second, first] : [first, second]
  return {
    ...newRow(fileCalled(name, names)),
    strength_model: Number(keyed.unet ?? model),
    strength_clip: Number(keyed.te ?? clip),
    blocks: keyed.lbw ?? keyed.w ?? '',
  }
}

/**
 * @param {string} wanted
 * @param {readonly string[]} names
 */
function fileCalled(wanted, names) {
  const plain = (/** @type {string} */ name) => name.replace(EXTENSION, '').replaceAll('\\', '/')
  const whole = names.find((name) => name === wanted || plain(name) === plain(wanted))
  if (whole !== undefined) return whole
  const files = names.filter((name) => plain(shortName(name)) === plain(wanted))
  // Of several files with one name, nobody knows which is meant.
  return files.length === 1 ? (files[0] ?? wanted) : wanted
}

/**
 * All rows off, or on if they are off already.
 *
 * @param {readonly Row[]} rows
 * @returns {Row[]}
 */
export function allToggled(rows) {
  const on = !rows.some((row) => row.on)
  return rows.map((row) => ({ ...row, on }))
}

/**
 * Both strengths of all rows times a factor, to two decimals and within what a row takes.
 *
 * @param {readonly Row[]} rows
 * @param {number} factor
 * @returns {Row[]}
 */
export function allScaled(rows, factor) {
  const scaled = (/** @type {number} */ value) =>
    Math.max(-10, Math.min(10, Math.round(value * factor * 100) / 100)) || 0
  return rows.map((row) => ({
    ...row,
    strength_model: scaled(row.strength_model),
    strength_clip: scaled(row.strength_clip),
  }))
}
