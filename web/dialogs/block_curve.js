/** A curve over neighbouring slots of the block editor, from the weight of one to that of another. */

import { CURVES, curve, range } from '../lib/block_values.js'
import { say } from '../lib/strings.js'
import { button, element, labelled } from './elements.js'

/** @typedef {import('../types/satchel').BlockSlot} BlockSlot */

export class BlockCurve {
  #names = ''

  /**
   * @param {() => number[]} values of all slots, as they are now
   * @param {(values: number[]) => void} paint sets them
   */
  constructor(values, paint) {
    this.values = values
    this.paint = paint
    this.from = element('select', { class: 'satchel-field' })
    this.to = element('select', { class: 'satchel-field' })
    this.root = element(
      'div',
      { class: 'satchel-tools satchel-curve', role: 'group', 'aria-label': say('blocks.curve') },
      labelled(say('blocks.curveFrom'), this.from),
      labelled(say('blocks.curveTo'), this.to),
      element(
        'div',
        { class: 'satchel-buttons' },
        ...CURVES.map((shape) => button(say(`blocks.${shape}`), () => this.#draw(shape))),
      ),
    )
  }

  /**
   * Offers these slots; at first a curve goes over all blocks that have a number.
   *
   * @param {BlockSlot[]} slots
   */
  show(slots) {
    this.root.hidden = slots.length < 2
    const names = slots.map(({ name }) => name)
    if (names.join() === this.#names) return
    this.#names = names.join()
    for (const select of [this.from, this.to]) {
      select.replaceChildren(...names.map((name, index) => new Option(name, String(index))))
    }
    const numbered = names.flatMap((name, index) => (/\d$/.test(name) ? [index] : []))
    this.from.value = String(numbered[0] ?? 0)
    this.to.value = String(numbered.at(-1) ?? names.length - 1)
  }

  /** @param {import('../lib/block_values.js').CurveShape} shape */
  #draw(shape) {
    const values = [...this.values()]
    const slots = range(Number(this.from.value), Number(this.to.value))
    const [first = 0, last = 0] = [slots[0], slots.at(-1)]
    if (first === last) return
    const drawn = curve(shape, values[first] ?? 1, values[last] ?? 1, slots.length)
    slots.forEach((slot, at) => (values[slot] = drawn[at] ?? 1))
    this.paint(values)
  }
}
