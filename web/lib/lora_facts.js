/** What the server tells of all LoRAs, and which of them a base-model filter shows. No DOM. */

/** @typedef {import('../types/satchel').LoraCard} LoraCard */
/** @typedef {import('../types/satchel').LoraCards} LoraCards */
/** @typedef {{directory: string, name: string}} ModelFile */

/** @type {LoraCard} */
const UNKNOWN = { name: '', families: [], base: '', words: [], preview: 0 }

/** By the host's connection. @type {WeakMap<object, LoraFacts>} */
const known = new WeakMap()

/** Pauses before the list is asked for again, while the server still reads headers. */
const AGAIN_MS = [1000, 2000, 4000, 8000]

export class LoraFacts {
  #stamp = ''
  /** @type {Map<string, LoraCard>} */
  #cards = new Map()
  /** Families of architectures by model file. @type {Map<string, string>} */
  #models = new Map()
  /** @type {Record<string, string>} */
  titles = {}
  /** Whether the server is still reading. */
  reading = false

  /** @param {(body: {known: string, model: ModelFile | null}) => Promise<LoraCards>} ask */
  constructor(ask) {
    this.ask = ask
  }

  /** @param {string} name as the host lists it, with either separator */
  of(name) {
    if (this.#cards.size === 0) return UNKNOWN
    return this.#cards.get(name.replaceAll('\\', '/')) ?? UNKNOWN
  }

  /**
   * The family of a model file's architecture; empty as long as that is not known.
   *
   * @param {ModelFile | null} model
   */
  familyOf(model) {
    return model === null ? '' : (this.#models.get(keyOf(model)) ?? '')
  }

  /**
   * Asks the server for what is new.
   *
   * @param {ModelFile | null} model whose architecture is wanted, too
   */
  async refresh(model) {
    const answer = await this.ask({ known: this.#stamp, model })
    this.#stamp = answer.stamp
    this.reading = answer.reading
    if (answer.loras) {
      this.#cards = new Map(answer.loras.map((card) => [card.name, { ...UNKNOWN, ...card }]))
    }
    if (answer.families) this.titles = answer.families
    if (model !== null) this.#models.set(keyOf(model), answer.model?.families[0] ?? '')
  }

  /**
   * Keeps up with the server until it has read all headers, or nobody looks any more.
   *
   * @param {ModelFile | null} model
   * @param {() => boolean} tell called after each answer; says whether somebody still looks
   */
  async follow(model, tell) {
    for (let turn = 0; ; turn += 1) {
      await this.refresh(model)
      if (!tell() || !this.reading) return
      const pause = AGAIN_MS[Math.min(turn, AGAIN_MS.length - 1)]
      await new Promise((resolve) => setTimeout(resolve, pause))
    }
  }
}

/**
 * What the page knows of its server's LoRAs, whichever dialog asks; nothing without a server.
 *
 * @param {import('../api.js').SatchelApi} [satchel]
 */
export function sharedFacts(satchel) {
  if (!satchel) return new LoraFacts(async () => ({ stamp: '', reading: false, model: null }))
  const facts = known.get(satchel.api) ?? new LoraFacts((body) => satchel.loras(body))
  known.set(satchel.api, facts)
  return facts
}

/**
 * Whether a filter shows a LoRA. By architecture it hides what is known to be for another one: a
 * file that tells nothing may fit.
 *
 * @param {LoraCard} card
 * @param {string} filter empty, `family:ID`, or `base:NAME`
 */
export function shows({ families, base }, filter) {
  if (filter === '') return true
  const wanted = filter.slice(filter.indexOf(':') + 1)
  if (filter.startsWith('base:')) return base === wanted
  return families.length === 0 || families.includes(wanted)
}

/**
 * What can be filtered by, with how many LoRAs are known to be for it.
 *
 * @param {readonly string[]} names of all LoRAs
 * @param {LoraFacts} facts
 * @returns {{families: FilterOption[], bases: FilterOption[]}}
 *
 * @typedef {{value: string, title: string, count: number}} FilterOption
 */
export function filterOptions(names, facts) {
  /** @type {Map<string, number>} */
  const families = new Map()
  /** @type {Map<string, number>} */
  const bases = new Map()
  const titles = new Set(Object.values(facts.titles))
  const count = (/** @type {Map<string, number>} */ counts, /** @type {string} */ key) =>
    counts.set(key, (counts.get(key) ?? 0) + 1)
  for (const name of names) {
    const card = facts.of(name)
    for (const family of card.families) count(families, family)
    if (card.base !== '' && !titles.has(card.base)) count(bases, card.base)
  }
  const sorted = (/** @type {FilterOption[]} */ options) =>
    options.sort((one, other) => one.title.localeCompare(other.title))
  return {
    families: sorted(
      [...families].map(([id, count]) => ({
        value: `family:${id}`,
        title: facts.titles[id] ?? id,
        count,
      })),
    ),
    bases: sorted(
      [...bases].map(([base, count]) => ({ value: `base:${base}`, title: base, count })),
    ),
  }
}

/** @param {ModelFile} model */
function keyOf({ directory, name }) {
  return `${directory}/${name}`
}
