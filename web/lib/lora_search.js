/** Finding a LoRA among very many names, and the ones a person likes or had last. No DOM. */

const MAX_RECENT = 30

/**
 * @typedef {object} SearchableName
 * @property {string} name as the host lists it
 * @property {string} folder with its separator at the end; may be empty
 * @property {string} file
 * @property {string} folded the whole name in lower case
 * @property {number} at where the file's own name begins in it
 */

/**
 * @param {readonly string[]} names
 * @returns {SearchableName[]}
 */
export function searchable(names) {
  return names.map((name) => {
    // By hand: with 20,000 names a regular expression for each is felt.
    const at = Math.max(name.lastIndexOf('/'), name.lastIndexOf('\\')) + 1
    return { name, folder: name.slice(0, at), file: name.slice(at), folded: name.toLowerCase(), at }
  })
}

/**
 * The names that have all words of a query. Those whose file begins with the first word come first,
 * then those that have it in the file's name, then those that have it in the folder only, last those
 * of which only what else is known has some of the words.
 *
 * @param {readonly SearchableName[]} all
 * @param {string} query
 * @param {(name: string) => string} [known] what else is known of a file, in lower case
 * @returns {SearchableName[]}
 */
export function search(all, query, known = () => '') {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean)
  const [first] = words
  if (first === undefined) return [...all]
  /** @type {[SearchableName[], SearchableName[], SearchableName[], SearchableName[]]} */
  const ranks = [[], [], [], []]
  for (const entry of all) {
    const others = words.filter((word) => !entry.folded.includes(word))
    if (others.length > 0) {
      const more = known(entry.name)
      if (others.every((word) => more.includes(word))) ranks[3].push(entry)
      continue
    }
    const place = entry.folded.indexOf(first, entry.at)
    if (place === entry.at) ranks[0].push(entry)
    else ranks[place > entry.at ? 1 : 2].push(entry)
  }
  return ranks.flat()
}

/**
 * Which entries of a list are to be drawn.
 *
 * @param {{count: number, top: number, height: number, rowHeight: number, more: number}} view
 *   `top` and `height` of what is seen, and how many entries `more` at either side
 * @returns {{first: number, last: number}} `last` is the first that is not drawn
 */
export function drawn({ count, top, height, rowHeight, more }) {
  const first = Math.max(0, Math.floor(top / rowHeight) - more)
  return { first, last: Math.min(count, Math.ceil((top + height) / rowHeight) + more) }
}

/** Names that a person's browser keeps, newest first. */
export class KeptNames {
  /**
   * @param {Pick<Storage, 'getItem' | 'setItem'>} storage
   * @param {string} key
   */
  constructor(storage, key) {
    this.storage = storage
    this.key = key
  }

  /** @returns {string[]} */
  names() {
    try {
      const kept = JSON.parse(this.storage.getItem(this.key) ?? '[]')
      return Array.isArray(kept) ? kept.filter((name) => typeof name === 'string') : []
    } catch {
      return [] // somebody else wrote there, or the browser keeps nothing
    }
  }

  /**
   * Puts a name in front, and forgets what has not been used for long.
   *
   * @param {string} name
   */
  use(name) {
    this.#write([name, ...this.names().filter((other) => other !== name)].slice(0, MAX_RECENT))
  }

  /**
   * Adds a name, or takes it out.
   *
   * @param {string} name
   */
  toggle(name) {
    const names = this.names()
    this.#write(names.includes(name) ? names.filter((other) => other !== name) : [name, ...names])
  }

  /** @param {string[]} names */
  #write(names) {
    try {
      this.storage.setItem(this.key, JSON.stringify(names))
    } catch {
      // Full, or switched off: the choice itself does not depend on it.
    }
  }
}
