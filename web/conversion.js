/** What the conversion of other packs' LoRA nodes adds to the host. */

import { Converter, OFFER_CONVERSION } from './converter.js'

/** @typedef {import('./types/comfy').ComfyApp} ComfyApp */
/** @typedef {import('./api.js').SatchelApi} SatchelApi */

/**
 * @param {ComfyApp} app
 * @param {SatchelApi} satchel
 */
export function conversionExtension(app, satchel) {
  const converter = new Converter(app, satchel)
  return {
    name: 'Satchel.Conversion',
    commands: [
      {
        id: 'Satchel.ConvertLoraNodes',
        label: 'Convert LoRA nodes to LoRA Stack',
        icon: 'pi pi-arrow-right-arrow-left',
        function: () => converter.convert({}),
      },
    ],
    menuCommands: [{ path: ['Satchel'], commands: ['Satchel.ConvertLoraNodes'] }],
    settings: [
      {
        id: OFFER_CONVERSION,
        name: 'Offer to convert LoRA nodes of packs that are not installed',
        category: ['Satchel', 'Convert', 'OfferOnOpen'],
        type: 'boolean',
        defaultValue: true,
      },
    ],
    async init() {
      await converter.learnTypes()
    },
    /** @param {import('./types/comfy').MissingNode[]} missing */
    afterConfigureGraph(missing) {
      converter.offer(missing)
    },
    /** @param {import('./types/comfy').Node} node */
    getNodeMenuItems(node) {
      return converter.menuItems(node)
    },
  }
}
