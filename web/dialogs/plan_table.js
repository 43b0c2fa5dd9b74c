/** What a plan says: its models, its node packs with the commands that get them, its files. */

import { formatBytes } from '../lib/bytes.js'
import { packRows, planRows } from '../lib/plan_view.js'
import { say } from '../lib/strings.js'
import { button, element } from './elements.js'

/** @typedef {import('../types/satchel').Plan} Plan */

const ICONS = {
  here: 'pi-check-circle',
  fetch: 'pi-download',
  problem: 'pi-exclamation-triangle',
  optional: 'pi-minus-circle',
}

/**
 * @param {Plan} plan
 * @param {boolean} final false while the plan is a first guess, whose problems may vanish
 * @param {{name: string, bytes: number}[]} files that a bundle brings
 */
export function planView(plan, final, files) {
  return [
    ...(plan.models.length > 0 ? [planTable(plan, final)] : []),
    ...packSection(plan),
    ...fileSection(files),
  ]
}

/**
 * @param {Plan} plan
 * @param {boolean} final
 */
function planTable(plan, final) {
  const titles = [
    say('import.model'),
    say('import.state'),
    say('import.from'),
    say('import.size'),
  ]
  const head = titles.map((title) => element('th', { scope: 'col' }, title))
  return element(
    'table',
    { class: 'satchel-plan', 'aria-label': say('import.title') },
    element('thead', {}, element('tr', {}, ...head)),
    element('tbody', {}, ...planRows(plan).map((row) => tableRow(row, final))),
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
  const detail = unsure ? '' : row.detail
  const warnings = unsure ? [] : row.warnings
  const name = element(
    'th',
    { scope: 'row' },
    element('span', { class: 'satchel-name', title: row.name }, row.name),
    element('span', { class: 'satchel-kind' }, row.kind),
    ...(row.licence && row.tone !== 'here' ? [licenceLine(row.licence)] : []),
    ...(detail ? [element('span', { class: 'satchel-detail' }, detail)] : []),
    ...warnings.map((warning) => element('span', { class: 'satchel-warning' }, warning)),
  )
  return element(
    'tr',
    { 'data-tone': tone, 'data-model': row.name },
    name,
    stateCell(icon, unsure ? say('import.state.unsure') : row.state),
    element('td', {}, unsure ? '' : row.source),
    element('td', { class: 'satchel-size' }, row.size),
  )
}

/** @param {string} licence */
function licenceLine(licence) {
  return element('span', { class: 'satchel-kind' }, `${say('import.licence')}: ${licence}`)
}

/**
 * @param {string} icon
 * @param {string} text
 */
function stateCell(icon, text) {
  return element(
    'td',
    { class: 'satchel-state' },
    element('i', { class: `pi ${icon}`, 'aria-hidden': 'true' }),
    element('span', {}, text),
  )
}

/** @param {Plan} plan */
function packSection(plan) {
  const rows = packRows(plan)
  if (rows.length === 0) return []
  const table = element(
    'table',
    { class: 'satchel-plan satchel-packs', 'aria-label': say('import.packs') },
    element('tbody', {}, ...rows.map(packRow)),
  )
  const hint = element('p', { class: 'satchel-hint' }, say('import.packs.hint'))
  const commands = rows.some((row) => row.command)
  return [element('h3', {}, say('import.packs')), ...(commands ? [hint] : []), table]
}

/** @param {import('../lib/plan_view.js').PackRow} row */
function packRow(row) {
  const icon = row.command && row.tone === 'here' ? 'pi-info-circle' : ICONS[row.tone]
  const name = element(
    'th',
    { scope: 'row' },
    element('span', { class: 'satchel-name' }, row.name),
    ...(row.detail ? [element('span', { class: 'satchel-detail' }, row.detail)] : []),
    ...(row.command ? [commandLine(row.command)] : []),
  )
  return element('tr', { 'data-tone': row.tone, 'data-pack': row.name }, name, stateCell(icon, row.state))
}

/** @param {string} command */
function commandLine(command) {
  const copy = button('', () => void copied(), 'satchel-icon')
  const icon = element('i', { class: 'pi pi-copy', 'aria-hidden': 'true' })
  copy.append(icon)
  copy.setAttribute('aria-label', say('import.pack.copy'))
  copy.title = say('import.pack.copy')
  return element('span', { class: 'satchel-command' }, element('code', {}, command), copy)

  async function copied() {
    await copyText(command, copy)
    icon.className = 'pi pi-check'
    copy.setAttribute('aria-label', say('import.pack.copied'))
    copy.title = say('import.pack.copied')
  }
}

/**
 * Copies a text. Pages that came over plain http from another machine have no clipboard of their
 * own: there the old way has to do, which copies what is selected inside of the open dialog.
 *
 * @param {string} text
 * @param {HTMLElement} beside
 */
async function copyText(text, beside) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text)
  const field = element('textarea', { class: 'satchel-unseen', 'aria-hidden': 'true' })
  field.value = text
  beside.after(field)
  // The dialog keeps the host's handlers from hearing of this one.
  field.select()
  document.execCommand('copy')
  field.remove()
  beside.focus()
}

/** @param {{name: string, bytes: number}[]} files */
function fileSection(files) {
  if (files.length === 0) return []
  const items = files.map((file) =>
    element(
      'li',
      {},
      element('span', { class: 'satchel-name' }, file.name),
      element('span', { class: 'satchel-kind' }, formatBytes(file.bytes)),
    ),
  )
  return [
    element('h3', {}, say('import.files')),
    element('p', { class: 'satchel-hint' }, say('import.files.hint')),
    element('ul', { class: 'satchel-files' }, ...items),
  ]
}
