/** The host's list of LoRA files: fetched once per page and shared by every row. */

export class LoraList {
  /**
   * The same array for the life of the page, so that every combo box that was given it sees a
   * refresh. Paths below the LoRA folders, as the host spells them.
   *
   * @type {string[]}
   */
  names = []

  /** @type {Promise<void> | null} */
  #loading = null

  /** @param {(route: string) => Promise<Response>} fetchApi */
  constructor(fetchApi) {
    this.fetchApi = fetchApi
  }

  /** Fetches the list unless that was done or is under way. */
  async load() {
    this.#loading ??= this.refresh()
    await this.#loading
  }

  /** Fetches the list again; on failure the old one stays. */
  async refresh() {
    const response = await this.fetchApi('/models/loras')
    if (!response.ok) throw new Error(`The list of LoRAs was answered with ${response.status}.`)
    const names = await response.json()
    this.names.splice(0, this.names.length, ...names)
  }
}
