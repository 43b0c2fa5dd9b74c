/** Opens the block editor for a row of a LoRA Stack, and for the Block Weights node. */

import { openBlockEditor } from '../dialogs/block_editor.js'
import { textBefore } from '../lib/block_values.js'
import { connectedModel } from '../lib/connected_model.js'
import { inputName, shortName } from '../lib/rows.js'
import { say } from '../lib/strings.js'
import { markStep } from './undo.js'

/** @typedef {import('../types/comfy').Node} Node */
/** @typedef {import('../types/comfy').ComfyApp} ComfyApp */
/** @typedef {import('../api.js').SatchelApi} SatchelApi */

export const BLOCK_WEIGHTS = 'SatchelBlockWeights'

/** Inputs of the Block Weights node that come before its text. */
const GROUPS = ['early', 'mid', 'late', 'attention', 'mlp', 'text']

/**
 * @param {Node} node
 * @param {number} number of the row, from 1
 * @param {SatchelApi} satchel
 * @param {ComfyApp} app
 */
export function editRowBlocks(node, number, satchel, app) {
  const lora = String(valueOf(node, inputName('lora', number)) ?? '')
  return openBlockEditor({
    satchel,
    name: shortName(lora),
    start: {
      text: String(valueOf(node, inputName('blocks', number)) ?? ''),
      lora,
      model: connectedModel(node),
    },
    apply: (text) => change(node, app, { [inputName('blocks', number)]: text }),
  })
}

/**
 * Gives the Block Weights node its button, which is neither saved nor queued.
 *
 * @param {Node} node
 * @param {SatchelApi} satchel
 * @param {ComfyApp} app
 */
export function addBlockEditor(node, satchel, app) {
  const widget = node.addWidget(
    'button',
    say('blocks.edit'),
    null,
    () => void editNodeBlocks(node, satchel, app),
    { serialize: false },
  )
  widget.serialize = false
}

/**
 * @param {Node} node
 * @param {SatchelApi} satchel
 * @param {ComfyApp} app
 */
function editNodeBlocks(node, satchel, app) {
  const preset = String(valueOf(node, 'preset') ?? 'None')
  const groups = Object.fromEntries(GROUPS.map((name) => [name, Number(valueOf(node, name) ?? 1)]))
  const chosen = String(valueOf(node, 'architecture') ?? 'any')
  const model = connectedModel(node)
  return openBlockEditor({
    satchel,
    name: '',
    start: {
      text: String(valueOf(node, 'blocks') ?? ''),
      before: textBefore(preset === 'None' ? '' : preset, groups),
      seed: Number(valueOf(node, 'seed') ?? 0),
      model,
      ...(model === null && chosen !== 'any' && { architecture: chosen }),
    },
    apply: (blocks) => {
      // The text holds what preset and groups said.
      const plain = Object.fromEntries(GROUPS.map((name) => [name, 1]))
      change(node, app, { ...plain, preset: 'None', blocks })
    },
  })
}

/**
 * @param {Node} node
 * @param {string} name
 */
function valueOf(node, name) {
  return node.widgets?.find((widget) => widget.name === name)?.value
}

/**
 * Sets widgets as one step of undo.
 *
 * @param {Node} node
 * @param {ComfyApp} app
 * @param {Record<string, unknown>} values
 */
function change(node, app, values) {
  for (const widget of node.widgets ?? []) {
    if (widget.name in values) widget.value = values[widget.name]
  }
  node.setDirtyCanvas(true, true)
  markStep(app)
}
