/** The menu of a LoRA Stack node's rows, made of the host's own context menu. */

import { shortName } from '../lib/rows.js'
import { say } from '../lib/strings.js'

/** @typedef {import('../types/comfy').HostGlobals} HostGlobals */
/** @typedef {import('../lib/rows.js').Row} Row */

/**
 * @param {HostGlobals} globals
 * @param {readonly Row[]} rows
 * @param {unknown} event where to open
 * @param {RowActions} actions
 */
export function openRowsMenu(globals, rows, event, actions) {
  const entries = [...rowEntries(rows, actions), ...stackEntries(rows, actions)]
  new globals.LiteGraph.ContextMenu(entries, { event })
}

/**
 * @typedef {object} RowActions
 * @property {(index: number, to: number) => void} move
 * @property {(index: number) => void} duplicate
 * @property {(index: number) => void} remove
 * @property {(index: number) => void} toggleWindow
 * @property {(index: number) => void} toggleSkip
 * @property {(index: number) => void} editBlocks
 * @property {(index: number) => void} choose asks for another file
 * @property {(index: number) => boolean} isMissing whether the row's file is in no folder
 * @property {() => void} checkModels
 * @property {(index: number) => void} copy
 * @property {() => void} copyAll
 * @property {() => void} paste
 * @property {() => void} toggleAll
 * @property {(factor: number) => void} scaleAll
 */

const FACTORS = [0.5, 0.8, 0.9, 1.1, 1.25, 2]

/**
 * @param {readonly Row[]} rows
 * @param {RowActions} actions
 * @returns {import('../types/comfy').MenuEntry[]}
 */
export function rowEntries(rows, actions) {
  return rows.map((row, index) => ({
    // The host reads HTML in `content` but not in `title`, and a file may have any name.
    content: `LoRA ${index + 1}`,
    title: `${index + 1}: ${shortName(row.lora) || 'no file chosen'}`,
    has_submenu: true,
    submenu: {
      options: [
        ...(actions.isMissing(index)
          ? [{ content: say('row.mend'), callback: () => actions.checkModels() }]
          : []),
        { content: say('row.choose'), callback: () => actions.choose(index) },
        { content: say('blocks.edit'), callback: () => actions.editBlocks(index) },
        { content: 'Remove', callback: () => actions.remove(index) },
        { content: say('row.copy'), callback: () => actions.copy(index) },
        { content: 'Duplicate', callback: () => actions.duplicate(index) },
        {
          content: 'Move up',
          disabled: index === 0,
          callback: () => actions.move(index, index - 1),
        },
        {
          content: 'Move down',
          disabled: index === rows.length - 1,
          callback: () => actions.move(index, index + 1),
        },
        {
          content: row.start === undefined ? 'Act in some steps' : 'Act in all steps',
          callback: () => actions.toggleWindow(index),
        },
        {
          content: row.on_mismatch === 'skip' ? 'Stop if it does not fit' : 'Skip if it does not fit',
          callback: () => actions.toggleSkip(index),
        },
      ],
    },
  }))
}

/**
 * What can be done with all rows.
 *
 * @param {readonly Row[]} rows
 * @param {RowActions} actions
 * @returns {import('../types/comfy').MenuEntry[]}
 */
export function stackEntries(rows, actions) {
  const paste = { content: say('rows.paste'), callback: () => actions.paste() }
  if (rows.length === 0) return [paste]
  const factors = FACTORS.map((factor) => ({
    content: say('rows.times', { factor }),
    callback: () => actions.scaleAll(factor),
  }))
  return [
    { content: say('rows.toggle'), callback: () => actions.toggleAll() },
    { content: say('rows.scale'), has_submenu: true, submenu: { options: factors } },
    { content: say('rows.copy'), callback: () => actions.copyAll() },
    paste,
  ]
}

/**
 * The mouse event behind a click on a button widget. The classic canvas hands it over; Nodes 2.0
 * does not, but is still handling it. Without one (a key press, say) a menu opens at the node.
 *
 * @param {unknown} given
 * @param {[number, number]} fallback client coordinates
 */
export function clickEvent(given, fallback) {
  const event = given ?? globalThis.window?.event
  if (event instanceof MouseEvent && (event.clientX || event.clientY)) return event
  return new MouseEvent('click', { clientX: fallback[0], clientY: fallback[1] })
}
