/** Building DOM from text only: nothing here reads HTML. */

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string>} attributes
 * @param {...(string | Node)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value)
  made.append(...children)
  return made
}

/**
 * A field below its label.
 *
 * @param {string} text
 * @param {HTMLElement} field
 */
export function labelled(text, field) {
  return element('label', { class: 'satchel-labelled' }, element('span', {}, text), field)
}

/**
 * @param {string} label
 * @param {() => void} press
 * @param {string} [className]
 */
export function button(label, press, className = '') {
  const made = element('button', { type: 'button', class: `satchel-button ${className}` }, label)
  made.addEventListener('click', press)
  return made
}

/**
 * Loads a style sheet of this package once per page.
 *
 * @param {string} file
 */
export function loadStyles(file = 'satchel.css') {
  const href = new URL(`../${file}`, import.meta.url).href
  const loaded = [...document.querySelectorAll('link')].some((link) => link.href === href)
  if (!loaded) document.head.append(element('link', { rel: 'stylesheet', href }))
}
