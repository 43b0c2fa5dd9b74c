/** What this package adds to the host, by topic; the LoRA nodes' widgets are here. */

import { SatchelApi } from './api.js'
import { conversionExtension } from './conversion.js'
import { openStackPresets } from './dialogs/stack_presets.js'
import { openTriggerWords } from './dialogs/words_panel.js'
import { languageExtension } from './language.js'
import { LoraList } from './lib/lora_list.js'
import { say } from './lib/strings.js'
import { portabilityExtension } from './portability.js'
import { ApiGraphRows } from './widgets/api_graphs.js'
import { BLOCK_WEIGHTS, addBlockEditor } from './widgets/block_editing.js'
import { KnownNames } from './lib/row_view.js'
import { LORA_STACK, addStack, restoreRowsOnLoad } from './widgets/lora_stack.js'
import { PresetContent } from './widgets/preset_content.js'
import { sidebarExtension } from './sidebar/index.js'
import { RowFactsBook } from './widgets/stack/row_facts.js'
import { watchTexts } from './widgets/text_cursor.js'

/** Those that nobody listens to yet would be complained of by the host. */
const SERVER_EVENTS = ['satchel.progress', 'satchel.queue', 'satchel.updates']

/** @typedef {import('./types/comfy').ComfyApp} ComfyApp */
/** @typedef {import('./types/comfy').ComfyApi} ComfyApi */

/**
 * @param {ComfyApp} app
 * @param {ComfyApi} api
 */
export function install(app, api) {
  for (const event of SERVER_EVENTS) api.addEventListener(event, () => {})
  app.registerExtension(languageExtension(app))
  app.registerExtension(loraStackExtension(app, api))
  const satchel = new SatchelApi(api)
  app.registerExtension(portabilityExtension(app, satchel))
  app.registerExtension(conversionExtension(app, satchel))
  app.registerExtension(sidebarExtension(app, satchel))
}

/**
 * @param {ComfyApp} app
 * @param {ComfyApi} api
 */
function loraStackExtension(app, api) {
  const loras = new LoraList((route) => api.fetchApi(route))
  const apiGraphs = new ApiGraphRows()
  const satchel = new SatchelApi(api)
  const presets = new PresetContent((text) => satchel.blockWeightsWithContent(text))
  const known = new KnownNames(loras.names)
  const facts = new RowFactsBook(satchel)
  return {
    name: 'Satchel.LoraStack',
    async init() {
      apiGraphs.watchLoading(app)
      watchTexts()
      // The host waits for this before it opens a graph, so the missing-model scan has the list.
      await loras.load()
      // Another checkpoint upstream, say, which no node downstream is told of.
      api.addEventListener('graphChanged', () => facts.tell())
    },
    /**
     * @param {import('./types/comfy').NodeType} nodeType
     * @param {{name: string}} definition
     */
    beforeRegisterNodeDef(nodeType, definition) {
      if (definition.name !== LORA_STACK) return
      restoreRowsOnLoad(nodeType, loras.names)
      apiGraphs.addRowsTo(nodeType, loras.names)
    },
    /** @param {import('./types/comfy').Node & {comfyClass?: string}} node */
    nodeCreated(node) {
      if (node.comfyClass === BLOCK_WEIGHTS) addBlockEditor(node, satchel, app)
      if (node.comfyClass !== LORA_STACK) return
      node.blocksChanged = (widget) => presets.changed(node, widget)
      addStack(node, { app, satchel, names: loras.names, known, facts })
    },
    /** @param {import('./types/comfy').Node & {comfyClass?: string}} node */
    getNodeMenuItems(node) {
      if (node.comfyClass !== LORA_STACK) return []
      return [
        {
          content: say('presets.open'),
          callback: () => void openStackPresets(node, app, satchel, loras.names),
        },
        {
          content: say('words.open'),
          callback: () => void openTriggerWords(node, app, satchel, loras.names),
        },
      ]
    },
    async refreshComboInNodes() {
      await loras.refresh()
      known.forget()
      facts.forget()
    },
  }
}
