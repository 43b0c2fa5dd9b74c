/** An error as text for people. */

import { SatchelApiError } from '../api.js'

/**
 * @param {unknown} error
 * @returns {{message: string, lines: string[]}} a sentence, then what to do and any further ones
 */
export function errorLines(error) {
  if (!(error instanceof SatchelApiError)) {
    return { message: error instanceof Error ? error.message : String(error), lines: [] }
  }
  const failed = Array.isArray(error.details.failed) ? error.details.failed : []
  // The first of several failures is the error itself.
  const others = failed.slice(1).map((entry) => `${entry?.name}: ${entry?.message}`)
  return { message: error.message, lines: [error.hint, ...others] }
}
