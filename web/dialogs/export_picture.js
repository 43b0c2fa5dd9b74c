/** The picture that carries an exported workflow: one of the graph, or one that the user chose. */

import { drawGraph } from '../lib/graph_picture.js'
import { say } from '../lib/strings.js'
import { element } from './elements.js'

const QUALITY = 0.92

/**
 * A picture without any text of its own: whatever the chosen file carried stays out.
 *
 * @param {import('../types/comfy').SavedGraph} graph
 * @param {File | null} chosen
 * @param {'png' | 'webp'} format
 * @returns {Promise<Blob>}
 */
export async function exportPicture(graph, chosen, format) {
  const canvas = element('canvas')
  if (chosen) await drawFile(canvas, chosen)
  else drawGraph(canvas, graph)
  return new Promise((resolve, reject) => {
    const made = (/** @type {Blob | null} */ blob) =>
      // A browser that cannot write a format writes a PNG instead.
      blob?.type === `image/${format}`
        ? resolve(blob)
        : reject(new Error(say('export.picture.unwritable', { format })))
    canvas.toBlob(made, `image/${format}`, QUALITY)
  })
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {File} file
 */
async function drawFile(canvas, file) {
  /** @type {ImageBitmap} */
  let bitmap
  try {
    bitmap = await createImageBitmap(file)
  } catch {
    throw new Error(say('export.picture.unreadable', { name: file.name }))
  }
  canvas.width = bitmap.width
  canvas.height = bitmap.height
  canvas.getContext('2d')?.drawImage(bitmap, 0, 0)
  bitmap.close()
}
