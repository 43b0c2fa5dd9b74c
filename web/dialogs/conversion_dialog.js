/** What did not come over when nodes were converted, node by node. */

import { convertedSummary, remarks } from '../lib/convert_view.js'
import { say } from '../lib/strings.js'
import { button, element } from './elements.js'
import { Modal } from './modal.js'

/**
 * @param {import('../types/satchel').ConvertResult} result
 */
export function openConversionDialog(result) {
  const modal = new Modal(say('convert.title'), () => modal.close())
  const { changed, kept } = remarks(result)
  const told = { done: convertedSummary(result), undo: say('convert.undo') }
  modal.say(result.converted.length > 0 ? say('convert.doneUndo', told) : say('convert.nothing'))
  modal.body.replaceChildren(
    ...section(say('convert.changed'), changed),
    ...section(say('convert.kept'), kept),
  )
  modal.open()
  modal.showFooter(button(say('import.close'), () => modal.close(), 'satchel-main'))
}

/**
 * @param {string} title
 * @param {import('../lib/convert_view.js').NodeRemark[]} nodes
 */
function section(title, nodes) {
  if (nodes.length === 0) return []
  const items = nodes.map(({ node, lines }) =>
    element(
      'li',
      {},
      element('strong', {}, node),
      ...lines.map((line) => element('p', { class: 'satchel-remark' }, line)),
    ),
  )
  return [element('h3', {}, title), element('ul', { class: 'satchel-remarks' }, ...items)]
}
