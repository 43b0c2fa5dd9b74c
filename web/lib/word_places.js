/** Trigger words in a prompt: is one there, where one goes, what taking one out leaves. No DOM. */

/**
 * @typedef {object} Edit a part of a text that another text takes the place of
 * @property {number} start
 * @property {number} end
 * @property {string} text
 */

/**
 * Puts a word where the cursor is, with the commas that it needs; what is selected gives way.
 *
 * @param {string} text
 * @param {number} start of the selection
 * @param {number} end
 * @param {string} word
 * @returns {Edit}
 */
export function insertion(text, start, end, word) {
  const before = text.slice(0, start).replace(/[ \t]+$/, '')
  const after = text.slice(end).replace(/^[ \t]+/, '')
  const isFirst = before === '' || /[(\n]$/.test(before)
  const left = isFirst ? '' : before.endsWith(',') ? ' ' : ', '
  const right = after === '' || /^[,)\n]/.test(after) ? '' : ', '
  return { start: before.length, end: text.length - after.length, text: left + word + right }
}

/**
 * Takes a word out, with the comma that it leaves; null if it is not there.
 *
 * @param {string} text
 * @param {string} word
 * @returns {Edit | null}
 */
export function removal(text, word) {
  const wanted = folded(word)
  let start = 0
  for (const part of text.split(/[,\n]/)) {
    const end = start + part.length
    if (folded(part) === wanted) {
      const isFirst = start === 0 || text[start - 1] === '\n'
      if (!isFirst) return { start: start - 1, end, text: '' }
      const comma = text[end] === ','
      const blanks = comma ? (/^ */.exec(text.slice(end + 1))?.[0].length ?? 0) : 0
      return { start, end: comma ? end + 1 + blanks : end, text: '' }
    }
    start = end + 1
  }
  return null
}

/**
 * Whether a word stands in a text, between commas or line breaks.
 *
 * @param {string} text
 * @param {string} word
 */
export function holds(text, word) {
  return removal(text, word) !== null
}

/**
 * The single words or phrases of what somebody calls trigger words, each once.
 *
 * @param {readonly string[]} words
 */
export function phrases(words) {
  /** @type {Map<string, string>} */
  const found = new Map()
  for (const word of words.flatMap((text) => text.split(/[,\n]/))) {
    const plain = word.trim().replace(/\s+/g, ' ')
    if (plain !== '' && !found.has(folded(plain))) found.set(folded(plain), plain)
  }
  return [...found.values()]
}

/** @param {string} word */
function folded(word) {
  return word.trim().replaceAll('_', ' ').replace(/\s+/g, ' ').toLowerCase()
}
