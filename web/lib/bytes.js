/** Sizes for people. */

const UNITS = ['bytes', 'KB', 'MB', 'GB', 'TB']

/**
 * `1536` -> `1.5 KB`; decimal units, as download sites and disks give them.
 *
 * @param {number} bytes
 */
export function formatBytes(bytes) {
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000
    unit += 1
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1
  return `${value.toFixed(digits)} ${UNITS[unit]}`
}
