/** What the menus of a LoRA Stack offer. */

import { fieldsOf } from '../lib/rows.js'
import { say } from '../lib/strings.js'

/** @typedef {import('../lib/rows.js').Row} Row */
/** @typedef {import('../lib/rows.js').Field} Field */
/** @typedef {import('./stack/menu.js').MenuEntry} MenuEntry */

const FACTORS = [0.5, 0.8, 0.9, 1.1, 1.25, 2]

/**
 * @typedef {object} RowActions
 * @property {() => void} checkModels
 * @property {() => void} choose asks for another file
 * @property {() => void} editBlocks
 * @property {() => void} linkStrengths
 * @property {() => void} toggleWindow
 * @property {() => void} toggleSkip
 * @property {(by: number) => void} move
 * @property {() => void} duplicate
 * @property {() => void} copy
 * @property {() => void} remove
 * @property {() => void} inputs asks which fields have a socket
 */

/**
 * @param {object} place
 * @param {Row} place.row
 * @param {number} place.index
 * @param {number} place.count of all rows
 * @param {boolean} place.isLinked
 * @param {boolean} place.isMissing whether the row's file is in no folder
 * @param {RowActions} actions
 * @returns {MenuEntry[]}
 */
export function rowEntries({ row, index, count, isLinked, isMissing }, actions) {
  const { move } = actions
  const isLast = index === count - 1
  return [
    ...(isMissing ? [entry('row.mend', 'pi-search', actions.checkModels)] : []),
    entry('row.choose', 'pi-file', actions.choose),
    entry('blocks.edit', 'pi-chart-bar', actions.editBlocks),
    entry(isLinked ? 'rows.unlink' : 'rows.link', 'pi-link', actions.linkStrengths),
    entry(row.start === undefined ? 'rows.someSteps' : 'rows.allSteps', 'pi-clock', actions.toggleWindow),
    entry(row.on_mismatch === 'skip' ? 'rows.stopIfUnfit' : 'rows.skipIfUnfit', 'pi-forward', actions.toggleSkip),
    entry('rows.inputs', 'pi-sign-in', actions.inputs),
    '-',
    { ...entry('rows.up', 'pi-arrow-up', () => move(-1), 'Alt ↑'), disabled: index === 0 },
    { ...entry('rows.down', 'pi-arrow-down', () => move(1), 'Alt ↓'), disabled: isLast },
    entry('rows.duplicate', 'pi-clone', actions.duplicate, 'Ctrl D'),
    entry('row.copy', 'pi-copy', actions.copy, 'Ctrl C'),
    entry('rows.remove', 'pi-trash', actions.remove, 'Del'),
  ]
}

/**
 * Which fields of a row have an input socket.
 *
 * @param {Row} row
 * @param {(field: Field) => boolean} has
 * @param {(field: Field) => void} toggle
 * @returns {MenuEntry[]}
 */
export function inputEntries(row, has, toggle) {
  return fieldsOf(row).map((field) => ({
    label: say(`rows.field.${field}`),
    checked: has(field),
    act: () => toggle(field),
  }))
}

/**
 * @typedef {object} StackActions
 * @property {() => void} toggleAll
 * @property {(factor: number) => void} scaleAll
 * @property {() => void} copyAll
 * @property {() => void} paste
 * @property {() => void} removeAll
 * @property {() => void} presets
 * @property {() => void} words
 */

/**
 * What can be done with all rows.
 *
 * @param {readonly Row[]} rows
 * @param {StackActions} actions
 * @returns {MenuEntry[]}
 */
export function stackEntries(rows, actions) {
  const paste = entry('rows.paste', 'pi-clipboard', actions.paste, 'Ctrl V')
  const presets = entry('presets.open', 'pi-bookmark', actions.presets)
  if (rows.length === 0) return [paste, presets]
  const factors = FACTORS.map((factor) => ({
    label: say('rows.times', { factor }),
    act: () => actions.scaleAll(factor),
  }))
  return [
    entry('rows.toggle', 'pi-power-off', actions.toggleAll),
    entry('rows.copy', 'pi-copy', actions.copyAll),
    paste,
    presets,
    entry('words.open', 'pi-tags', actions.words),
    entry('rows.removeAll', 'pi-trash', actions.removeAll),
    '-',
    ...factors,
  ]
}

/**
 * @param {import('../lib/strings.js').StringKey} key
 * @param {string} icon
 * @param {() => void} act
 * @param {string} [keys]
 */
function entry(key, icon, act, keys) {
  return { label: say(key), icon, act, ...(keys && { keys }) }
}
