/** Putting a row elsewhere with the pointer. */

import { dropIndex } from '../../lib/row_view.js'

/** A pointer that moved less was a click. */
const CLICK_PX = 4

/**
 * Follows the pointer until the row is let go of; Escape takes it back.
 *
 * @param {PointerEvent} event the press on the row's grip
 * @param {HTMLElement} grip
 * @param {readonly HTMLElement[]} rows all of them, in order
 * @param {number} from index of the row that is dragged
 * @param {(to: number) => void} drop
 */
export function dragRow(event, grip, rows, from, drop) {
  const row = rows[from]
  const list = row?.parentElement
  if (!row || !list) return
  const line = list.ownerDocument.createElement('div')
  line.className = 'satchel-drop-line'
  const boxes = rows.map((each) => each.getBoundingClientRect())
  const middles = boxes.map(({ top, height }) => top + height / 2)
  const frame = list.getBoundingClientRect()
  // The canvas may be zoomed, and style counts in its pixels.
  const zoom = frame.height / list.offsetHeight || 1
  const stop = new AbortController()
  let to = from

  const end = () => {
    stop.abort()
    line.remove()
    row.style.transform = ''
    row.classList.remove('satchel-dragged')
  }
  const move = (/** @type {PointerEvent} */ { clientY }) => {
    const way = clientY - event.clientY
    if (!line.isConnected && Math.abs(way) < CLICK_PX) return
    if (!line.isConnected) list.append(line)
    row.classList.add('satchel-dragged')
    row.style.transform = `translateY(${way / zoom}px)`
    to = dropIndex(middles, from, (middles[from] ?? 0) + way)
    const next = boxes[to < from ? to : to + 1]
    const edge = next ? next.top : (boxes.at(-1)?.bottom ?? frame.top)
    line.style.top = `${(edge - frame.top) / zoom}px`
  }
  const up = () => {
    end()
    if (to !== from) drop(to)
  }
  const key = (/** @type {KeyboardEvent} */ pressed) => {
    if (pressed.key !== 'Escape') return
    pressed.stopPropagation()
    end()
  }
  const { signal } = stop
  grip.setPointerCapture(event.pointerId)
  grip.addEventListener('pointermove', move, { signal })
  grip.addEventListener('pointerup', up, { signal })
  grip.addEventListener('pointercancel', end, { signal })
  window.addEventListener('keydown', key, { signal, capture: true })
}
