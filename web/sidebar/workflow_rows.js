/** The rows of *This workflow*: a model, a node pack. */

import { button, element } from '../dialogs/elements.js'
import { planRows } from '../lib/plan_view.js'
import { rating, shortHash, sourceTitle } from '../lib/side_view.js'
import { say } from '../lib/strings.js'
import { copyable, factLine } from './parts.js'

/** @typedef {import('../types/satchel').PlannedModel} PlannedModel */

const ICONS = {
  here: 'pi-check-circle',
  fetch: 'pi-download',
  problem: 'pi-exclamation-triangle',
  optional: 'pi-minus-circle',
}

/**
 * @param {PlannedModel} model
 * @param {object} more
 * @param {import('../types/satchel').ModelFacts | undefined} more.facts of the file that is here
 * @param {boolean} more.busy whether something is being fetched or looked for
 * @param {boolean} more.getting whether it is this one
 * @param {() => void} more.get
 * @param {() => void} more.find
 */
export function modelRow(model, { facts, busy, getting, get, find }) {
  const [row] = planRows(/** @type {any} */ ({ models: [model] }))
  if (!row) throw new Error('a model has a row')
  const level = rating(model.nsfw_level || facts?.nsfw_level)
  const sha256 = model.sha256 ?? facts?.sha256 ?? ''
  const source = facts?.source ? sourceTitle(facts.source) : model.source
  const act = button(say('side.get'), get, 'satchel-side-act')
  act.setAttribute('aria-label', say('side.getName', { name: model.name }))
  const search = button(say('side.find'), find, 'satchel-side-act')
  search.setAttribute('aria-label', say('side.findName', { name: model.name }))
  for (const one of [act, search]) one.disabled = busy
  const state = element(
    'span',
    { class: 'satchel-side-state' },
    element('i', { class: `pi ${getting ? 'pi-spin pi-spinner' : ICONS[row.tone]}`, 'aria-hidden': 'true' }),
    element('span', {}, getting ? say('side.getting') : row.state),
  )
  const size = model.bytes === null ? '' : row.size
  return element(
    'li',
    { class: 'satchel-side-row', 'data-tone': row.tone, 'data-model': model.name },
    element(
      'div',
      { class: 'satchel-side-line' },
      element('span', { class: 'satchel-side-name', title: model.name }, model.name),
      ...(model.fetch ? [act] : row.tone === 'problem' ? [search] : []),
    ),
    state,
    factLine(row.kind, size, source, model.base_model || facts?.base_model),
    factLine(row.licence || facts?.licence, level && say('side.rated', { level })),
    ...(sha256 ? [copyable(sha256, say('side.copyHash'), shortHash(sha256))] : []),
    ...(row.detail ? [element('span', { class: 'satchel-side-why' }, row.detail)] : []),
    ...row.warnings.map((warning) => element('span', { class: 'satchel-warning' }, warning)),
  )
}

/** @param {import('../lib/plan_view.js').PackRow} row */
export function packRow(row) {
  return element(
    'li',
    { class: 'satchel-side-row', 'data-tone': row.tone, 'data-pack': row.name },
    element('span', { class: 'satchel-side-name' }, row.name),
    element(
      'span',
      { class: 'satchel-side-state' },
      element('i', { class: `pi ${ICONS[row.tone]}`, 'aria-hidden': 'true' }),
      element('span', {}, row.state),
    ),
    ...(row.detail ? [element('span', { class: 'satchel-side-why' }, row.detail)] : []),
    ...(row.command ? [copyable(row.command, say('side.copyCommand'))] : []),
  )
}
