/**
 * Pictures that load once they are scrolled to, a few at a time: a browser has six connections to a
 * server, and where a marketplace is slow the graph needs the others.
 */

import { element } from '../dialogs/elements.js'

const AT_ONCE = 2

export class LazyPictures {
  /** Those that are in view and wait, by their address. @type {Map<Element, string>} */
  #waiting = new Map()
  /** @type {Map<Element, string>} */
  #watched = new Map()
  #loading = 0

  constructor() {
    this.observer = new IntersectionObserver((entries) => this.#seen(entries))
  }

  /**
   * @param {HTMLElement} place that gets the picture, if there is one
   * @param {string} address
   */
  watch(place, address) {
    this.#watched.set(place, address)
    this.observer.observe(place)
  }

  /** Forgets all that have not begun to load. */
  clear() {
    this.observer.disconnect()
    this.#waiting.clear()
    this.#watched.clear()
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #seen(entries) {
    for (const { target, isIntersecting } of entries) {
      const address = this.#watched.get(target)
      if (address === undefined) continue
      if (isIntersecting) this.#waiting.set(target, address)
      else this.#waiting.delete(target)
    }
    this.#load()
  }

  #load() {
    for (const [target, address] of this.#waiting) {
      if (this.#loading >= AT_ONCE) return
      this.#waiting.delete(target)
      this.#watched.delete(target)
      this.observer.unobserve(target)
      this.#begin(target, address)
    }
  }

  /**
   * @param {Element} place
   * @param {string} address
   */
  #begin(place, address) {
    this.#loading += 1
    const image = element('img', { alt: '', decoding: 'async' })
    const ended = () => {
      this.#loading -= 1
      this.#load()
    }
    image.addEventListener('load', ended)
    image.addEventListener('error', () => {
      image.remove()
      ended()
    })
    image.src = address
    place.append(image)
  }
}
