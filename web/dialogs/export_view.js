/** What an export will carry, as DOM. */

import { exportRows, packNames } from '../lib/export_view.js'
import { say } from '../lib/strings.js'
import { button, element } from './elements.js'

/** @typedef {import('../types/satchel').ExportResult} ExportResult */
/** @typedef {import('../types/satchel').GivenReference} GivenReference */
/** @typedef {(given: GivenReference) => Promise<{message: string, lines: string[]} | null>} Resolve */

let fields = 0

/**
 * @param {ExportResult} result
 * @param {Resolve} resolve has a source that the user gives checked
 */
export function exportBody(result, resolve) {
  return [
    ...unresolvedSection(result, resolve),
    ...modelTable(result),
    ...itemList(say('export.packs'), packNames(result)),
    ...itemList(say('export.removed'), result.removed),
  ]
}

/**
 * @param {string} title
 * @param {string[]} texts
 */
export function itemList(title, texts) {
  if (texts.length === 0) return []
  const items = texts.map((text) => element('li', {}, text))
  return [element('h3', {}, title), element('ul', {}, ...items)]
}

/** @param {ExportResult} result */
function modelTable(result) {
  const rows = exportRows(result).filter((row) => !row.unresolved)
  if (rows.length === 0) return []
  const licences = rows.some((row) => row.licence)
  const titles = [
    say('export.model'),
    say('export.from'),
    ...(licences ? [say('export.licence')] : []),
    say('export.size'),
  ]
  const head = titles.map((title) => element('th', { scope: 'col' }, title))
  const body = rows.map((row) =>
    element(
      'tr',
      { 'data-model': row.name },
      element(
        'th',
        { scope: 'row' },
        element('span', { class: 'satchel-name' }, row.name),
        element('span', { class: 'satchel-kind' }, `${row.kind} · ${row.digest}`),
      ),
      element('td', {}, row.source),
      ...(licences ? [element('td', { class: 'satchel-licence' }, row.licence)] : []),
      element('td', { class: 'satchel-size' }, row.size),
    ),
  )
  return [
    element(
      'table',
      { class: 'satchel-plan', 'aria-label': say('export.title') },
      element('thead', {}, element('tr', {}, ...head)),
      element('tbody', {}, ...body),
    ),
  ]
}

/**
 * @param {ExportResult} result
 * @param {Resolve} resolve
 */
function unresolvedSection(result, resolve) {
  if (result.unresolved.length === 0) return []
  const items = result.unresolved.map((model) => unresolvedItem(model, resolve))
  return [
    element('h3', {}, say('export.unresolved')),
    element('ul', { class: 'satchel-unresolved' }, ...items),
  ]
}

/**
 * @param {ExportResult['unresolved'][number]} model
 * @param {Resolve} resolve
 */
function unresolvedItem({ directory, name, reason }, resolve) {
  fields += 1
  const field = element('input', {
    id: `satchel-reference-${fields}`,
    type: 'text',
    autocomplete: 'off',
    spellcheck: 'false',
    'aria-label': say('export.reference', { name }),
    placeholder: say('export.reference.place'),
  })
  const problem = element('p', { class: 'satchel-problem', role: 'alert', hidden: '' })
  const check = button(say('export.reference.check'), () => {})
  check.setAttribute('type', 'submit')
  const form = element('form', { class: 'satchel-reference' }, field, check)
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    void checked()
  })
  return element(
    'li',
    { 'data-model': name },
    element('span', { class: 'satchel-name' }, name),
    element('span', { class: 'satchel-detail' }, reason || say('export.unresolved.reason')),
    form,
    problem,
  )

  async function checked() {
    const reference = field.value.trim()
    if (!reference || check.disabled) return field.focus()
    check.disabled = true
    problem.hidden = true
    const failed = await resolve({ directory, name, reference })
    check.disabled = false
    problem.hidden = failed === null
    if (!failed) return
    problem.textContent = [failed.message, ...failed.lines].filter(Boolean).join(' ')
    field.setAttribute('aria-invalid', 'true')
    field.focus()
  }
}
