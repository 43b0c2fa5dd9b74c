/** Weights of block slots as numbers: painting, scales, and what is said about them. No DOM. */

import { groupTitle, say } from './strings.js'

/** @typedef {import('../types/satchel').BlockSlot} BlockSlot */

export const STEP = 0.05
export const BIG_STEP = 0.25
export const LIMIT = 10

/** Ranges that a bar can show, low to high. @type {readonly (readonly [number, number])[]} */
export const SCALES = [
  [0, 1],
  [0, 2],
  [-1, 1],
  [-2, 2],
  [-10, 10],
]

/**
 * A weight as it can be painted: whole steps, within what the server takes.
 *
 * @param {number} value
 */
export function snapped(value) {
  const steps = Math.round(value / STEP)
  // 3 * 0.05 is 0.15000000000000002.
  const clean = Math.round(steps * STEP * 100) / 100
  return Math.min(LIMIT, Math.max(-LIMIT, clean)) || 0
}

/**
 * The smallest scale that shows all of these values, but no smaller than the one wanted.
 *
 * @param {readonly number[]} values
 * @param {number} wanted index of `SCALES`
 */
export function scaleFor(values, wanted) {
  const fits = (/** @type {readonly [number, number]} */ [low, high]) =>
    values.every((value) => value >= low && value <= high)
  const chosen = SCALES[wanted]
  if (chosen && fits(chosen)) return wanted
  const found = SCALES.findIndex(fits)
  return found < 0 ? SCALES.length - 1 : found
}

/**
 * How far up a value is on a scale: 0 at its low end, 1 at its high end.
 *
 * @param {number} value
 * @param {number} scale
 */
export function shareOf(value, scale) {
  const [low, high] = SCALES[scale] ?? [0, 1]
  return Math.min(1, Math.max(0, (value - low) / (high - low)))
}

/**
 * The value at a place on a scale, in whole steps.
 *
 * @param {number} share from 0, the low end, to 1; beyond that it is the end's
 * @param {number} scale
 */
export function valueAt(share, scale) {
  const [low, high] = SCALES[scale] ?? [0, 1]
  return snapped(low + Math.min(1, Math.max(0, share)) * (high - low))
}

/**
 * A stroke of the pointer over neighbours: none is left out when it is fast.
 *
 * @param {{index: number, value: number}} from
 * @param {{index: number, value: number}} to
 * @returns {{index: number, value: number}[]} without the first, unless there is no other
 */
export function stroke(from, to) {
  const count = Math.abs(to.index - from.index)
  if (count === 0) return [to]
  const way = Math.sign(to.index - from.index)
  return Array.from({ length: count }, (_, at) => ({
    index: from.index + way * (at + 1),
    value: snapped(from.value + ((to.value - from.value) * (at + 1)) / count),
  }))
}

/**
 * Indices from one to another, both included, whichever comes first.
 *
 * @param {number} one
 * @param {number} other
 */
export function range(one, other) {
  const [first, last] = one < other ? [one, other] : [other, one]
  return Array.from({ length: last - first + 1 }, (_, at) => first + at)
}

/** @typedef {'linear' | 'cosine'} CurveShape */

/** @type {readonly CurveShape[]} */
export const CURVES = ['linear', 'cosine']

/**
 * Weights that lead from one to another, both included: in equal steps, or slowly at both ends.
 *
 * @param {CurveShape} shape
 * @param {number} from
 * @param {number} to
 * @param {number} count 2 or more
 */
export function curve(shape, from, to, count) {
  return Array.from({ length: count }, (_, at) => {
    const part = at / (count - 1)
    const share = shape === 'cosine' ? (1 - Math.cos(Math.PI * part)) / 2 : part
    return Math.round((from + (to - from) * share) * 100) / 100 || 0
  })
}

/**
 * How strong each slot is among all of a LoRA's: 1 the strongest.
 *
 * @param {Record<string, number>} norms by slot
 * @returns {Record<string, number>}
 */
export function shares(norms) {
  const most = Math.max(...Object.values(norms), 0)
  if (most === 0) return {}
  return Object.fromEntries(Object.entries(norms).map(([name, norm]) => [name, norm / most]))
}

/** @param {readonly number[]} values */
export function inverted(values) {
  return values.map((value) => snapped(1 - value))
}

/**
 * Where a key takes a weight; null for a key that changes none.
 *
 * @param {string} key
 * @param {number} value
 */
export function afterKey(key, value) {
  switch (key) {
    case 'ArrowUp':
      return snapped(value + STEP)
    case 'ArrowDown':
      return snapped(value - STEP)
    case 'PageUp':
      return snapped(value + BIG_STEP)
    case 'PageDown':
      return snapped(value - BIG_STEP)
    case 'Home':
      return 0
    case 'End':
      return 1
    default:
      return null
  }
}

/**
 * Neighbours of one group put together, in order.
 *
 * @param {readonly BlockSlot[]} slots
 * @returns {{group: string, title: string, first: number, count: number}[]}
 */
export function groupsOf(slots) {
  /** @type {{group: string, title: string, first: number, count: number}[]} */
  const groups = []
  slots.forEach(({ group }, index) => {
    const last = groups.at(-1)
    if (last?.group === group) last.count += 1
    else groups.push({ group, title: groupTitle(group), first: index, count: 1 })
  })
  return groups
}

/** @param {number} value */
export function formatWeight(value) {
  return String(Math.round(value * 1000) / 1000)
}

/**
 * What a screen reader says of a slot's weight.
 *
 * @param {BlockSlot} slot
 * @param {number} value
 * @param {number} [share] how strong the slot is among the LoRA's, where that is known
 */
export function valueText(slot, value, share) {
  const text = weightText(slot, value)
  if (share === undefined) return text
  return say('blocks.valueShare', { text, share: Math.round(share * 100) })
}

/**
 * @param {BlockSlot} slot
 * @param {number} value
 */
function weightText({ modules, filtered }, value) {
  const number = formatWeight(value)
  if (modules === 0) return say('blocks.valueNotIn', { value: number })
  if (filtered) return say('blocks.valueFiltered', { value: number })
  if (modules === null) return number
  if (modules === 1) return say('blocks.valueInOne', { value: number })
  return say('blocks.valueIn', { value: number, count: modules })
}

/**
 * What the first groups of the Block Weights node come to, as text that goes before its own.
 *
 * @param {string} preset
 * @param {Record<string, number>} groups name -> weight
 */
export function textBefore(preset, groups) {
  const items = preset === '' ? [] : [preset]
  for (const [group, weight] of Object.entries(groups)) {
    if (weight !== 1) items.push(`${group}${group === 'text' ? '?' : ''}=${weight}`)
  }
  return items.join(', ')
}
