/** Exporting: progress while files are read, then what the file carries and what it does not. */

import { isCancelled } from '../api.js'
import { plural } from '../lib/plan_view.js'
import { JobProgress } from '../lib/progress.js'
import { button, element, saveFile } from './elements.js'
import { errorLines } from './error_lines.js'
import { Modal } from './modal.js'

/** @typedef {import('../types/satchel').ExportResult} ExportResult */
/** @typedef {import('../types/comfy').SavedGraph} SavedGraph */

/**
 * @param {object} options
 * @param {import('../api.js').SatchelApi} options.satchel
 * @param {SavedGraph} options.graph
 * @param {string} options.fileName
 */
export async function openExportDialog({ satchel, graph, fileName }) {
  const stop = new AbortController()
  const modal = new Modal('Export portable workflow', () => {
    stop.abort()
    modal.close()
  })
  modal.open()
  modal.say('Reading the models of this workflow', null)
  modal.showFooter(button('Cancel', () => cancel()))
  const progress = new JobProgress(0)
  try {
    /** @type {ExportResult} */
    const result = await satchel.runJob(
      'export',
      { json: graph, name: fileName },
      (event) => {
        const { text, share } = progress.update(event)
        modal.say(text, share)
      },
      stop.signal,
    )
    saveFile(fileName, JSON.stringify(result.graph, null, 2))
    showResult(modal, fileName, result)
  } catch (error) {
    if (isCancelled(error)) return
    const { message, lines } = errorLines(error)
    modal.say('')
    modal.warn(message, lines)
  }
  modal.showFooter(button('Close', () => cancel(), 'satchel-main'))

  function cancel() {
    stop.abort()
    modal.close()
  }
}

/**
 * @param {Modal} modal
 * @param {string} fileName
 * @param {ExportResult} result
 */
function showResult(modal, fileName, result) {
  const resolved = result.lock.models.length - result.unresolved.length
  const carried = result.lock.models.length
    ? `It carries the identity of ${plural(resolved, 'model')}, so that others can get the very same files.`
    : 'This workflow names no models.'
  modal.say(`Saved as ${fileName}. ${carried}`)
  const unresolved = result.unresolved.map((model) =>
    item(`${model.name}: `, model.reason || 'it is not known where to get it.'),
  )
  const removed = result.removed.map((sentence) => item('', sentence))
  modal.body.replaceChildren(
    ...section('Others will have to find these themselves', unresolved),
    ...section('Taken out, because it is private', removed),
  )
}

/**
 * @param {string} title
 * @param {HTMLElement[]} items
 */
function section(title, items) {
  return items.length ? [element('h3', {}, title), element('ul', {}, ...items)] : []
}

/**
 * @param {string} name
 * @param {string} text
 */
function item(name, text) {
  return element('li', {}, element('strong', {}, name), text)
}
