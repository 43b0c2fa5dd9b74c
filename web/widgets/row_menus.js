/** The two menus of a LoRA Stack node, made of the host's own context menu. */

import { shortName } from '../lib/rows.js'
import { say } from '../lib/strings.js'

/** @typedef {import('../types/comfy').HostGlobals} HostGlobals */
/** @typedef {import('../lib/rows.js').Row} Row */

/**
 * Asks for one of the LoRA files, in a list that the host gives a filter field.
 *
 * @param {HostGlobals} globals
 * @param {unknown} canvas the host's canvas
 * @param {readonly string[]} names
 * @param {unknown} event where to open
 * @param {(name: string) => void} choose
 */
export function openLoraMenu(globals, canvas, names, event, choose) {
  // The filter field breaks on a canvas that was never touched, the usual case in Nodes 2.0.
  globals.LGraphCanvas.active_canvas ??= canvas
  new globals.LiteGraph.ContextMenu([...names], { event, className: 'dark', callback: choose })
}

/**
 * @param {HostGlobals} globals
 * @param {readonly Row[]} rows
 * @param {unknown} event where to open
 * @param {RowActions} actions
 */
export function openRowsMenu(globals, rows, event, actions) {
  new globals.LiteGraph.ContextMenu(rowEntries(rows, actions), { event })
}

/**
 * @typedef {object} RowActions
 * @property {(index: number, to: number) => void} move
 * @property {(index: number) => void} duplicate
 * @property {(index: number) => void} remove
 * @property {(index: number) => void} toggleWindow
 * @property {(index: number) => void} toggleSkip
 * @property {(index: number) => void} editBlocks
 */

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
        { content: say('blocks.edit'), callback: () => actions.editBlocks(index) },
        { content: 'Remove', callback: () => actions.remove(index) },
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
