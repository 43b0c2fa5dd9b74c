/** The models of a plan as a table. */

import { planRows } from '../lib/plan_view.js'
import { element } from './elements.js'

const ICONS = {
  here: 'pi-check-circle',
  fetch: 'pi-download',
  problem: 'pi-exclamation-triangle',
  optional: 'pi-minus-circle',
}

/**
 * @param {import('../types/satchel').Plan} plan
 * @param {boolean} final false while the plan is a first guess, whose problems may vanish
 */
export function planTable(plan, final) {
  const head = ['Model', 'State', 'From', 'Size'].map((title) =>
    element('th', { scope: 'col' }, title),
  )
  const rows = planRows(plan).map((row) => tableRow(row, final))
  return element(
    'table',
    { class: 'satchel-plan' },
    element('thead', {}, element('tr', {}, ...head)),
    element('tbody', {}, ...rows),
  )
}

/**
 * @param {import('../lib/plan_view.js').PlanRow} row
 * @param {boolean} final
 */
function tableRow(row, final) {
  const unsure = !final && row.tone !== 'here'
  const tone = unsure ? 'unsure' : row.tone
  const icon = unsure ? 'pi-search' : ICONS[row.tone]
  const state = element(
    'td',
    { class: 'satchel-state' },
    element('i', { class: `pi ${icon}`, 'aria-hidden': 'true' }),
    element('span', {}, unsure ? 'Looking for it' : row.state),
  )
  const detail = unsure ? '' : row.detail
  const name = element(
    'th',
    { scope: 'row' },
    element('span', { class: 'satchel-name', title: row.name }, row.name),
    element('span', { class: 'satchel-kind' }, row.kind),
    ...(detail ? [element('span', { class: 'satchel-detail' }, detail)] : []),
  )
  return element(
    'tr',
    { 'data-tone': tone, 'data-model': row.name },
    name,
    state,
    element('td', {}, unsure ? '' : row.source),
    element('td', { class: 'satchel-size' }, row.size),
  )
}
