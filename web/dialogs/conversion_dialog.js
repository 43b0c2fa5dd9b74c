/** What did not come over when nodes were converted, node by node. */

import { convertedSummary, remarks } from '../lib/convert_view.js'
import { button, element } from './elements.js'
import { Modal } from './modal.js'

/**
 * @param {import('../types/satchel').ConvertResult} result
 */
export function openConversionDialog(result) {
  const modal = new Modal('Converting LoRA nodes', () => modal.close())
  const { changed, kept } = remarks(result)
  const undo = result.converted.length > 0 ? ' Undo (Ctrl+Z) brings back what was.' : ''
  modal.say(
    result.converted.length > 0 ? `${convertedSummary(result)}.${undo}` : 'Nothing was converted.',
  )
  modal.body.replaceChildren(
    ...section('Not as it was', changed),
    ...section('Left as it is', kept),
  )
  modal.open()
  modal.showFooter(button('Close', () => modal.close(), 'satchel-main'))
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
