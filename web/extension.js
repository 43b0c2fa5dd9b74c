/**
 * What this package adds to the host: the LoRA Stack's rows, a menu, the import dialog, and the
 * conversion of other packs' LoRA nodes.
 */

import { SatchelApi } from './api.js'
import { Converter, OFFER_CONVERSION } from './converter.js'
import { openExportDialog } from './dialogs/export_dialog.js'
import { openStackPresets } from './dialogs/stack_presets.js'
import { openTriggerWords } from './dialogs/words_panel.js'
import { AUTO_DIALOG, Importer } from './importer.js'
import { exportFileName } from './lib/documents.js'
import { LoraList } from './lib/lora_list.js'
import { say } from './lib/strings.js'
import { ApiGraphRows } from './widgets/api_graphs.js'
import { BLOCK_WEIGHTS, addBlockEditor } from './widgets/block_editing.js'
import { KnownNames } from './lib/row_view.js'
import { LORA_STACK, addStack, restoreRowsOnLoad } from './widgets/lora_stack.js'
import { PresetContent } from './widgets/preset_content.js'
import { RowFactsBook } from './widgets/stack/row_facts.js'
import { watchTexts } from './widgets/text_cursor.js'

/** @typedef {import('./types/comfy').ComfyApp} ComfyApp */
/** @typedef {import('./types/comfy').ComfyApi} ComfyApi */

/**
 * @param {ComfyApp} app
 * @param {ComfyApi} api
 */
export function install(app, api) {
  app.registerExtension(loraStackExtension(app, api))
  const satchel = new SatchelApi(api)
  app.registerExtension(portabilityExtension(app, satchel))
  app.registerExtension(conversionExtension(app, satchel))
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
        { content: say('words.open'), callback: () => void openTriggerWords(node, app, satchel) },
      ]
    },
    async refreshComboInNodes() {
      await loras.refresh()
      known.forget()
      facts.forget()
    },
  }
}

/**
 * @param {ComfyApp} app
 * @param {SatchelApi} satchel
 */
function conversionExtension(app, satchel) {
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

/**
 * @param {ComfyApp} app
 * @param {SatchelApi} satchel
 */
function portabilityExtension(app, satchel) {
  const importer = new Importer(app, satchel)
  return {
    name: 'Satchel.Portability',
    commands: commands(app, satchel, importer),
    menuCommands: [{ path: ['Satchel'], commands: ['Satchel.Export', 'Satchel.CheckModels'] }],
    settings: [
      {
        id: AUTO_DIALOG,
        name: 'Ask to install missing models when a portable workflow is opened',
        category: ['Satchel', 'Import', 'AskOnOpen'],
        type: 'boolean',
        defaultValue: true,
      },
      ...imageSettings(),
    ],
    init() {
      importer.watchFiles()
    },
    /** @param {import('./types/comfy').SavedGraph} graph */
    async beforeConfigureGraph(graph) {
      await importer.beforeConfigureGraph(graph)
    },
    afterConfigureGraph() {
      importer.afterConfigureGraph()
    },
  }
}

/** What all save nodes of the server write; the server itself reads these (nodes/embedding.py). */
function imageSettings() {
  return [
    {
      id: 'Satchel.EmbedLockInImages',
      name: 'Write into every image which bytes its models have and where they are published',
      category: ['Satchel', 'Images', 'EmbedLock'],
      type: 'boolean',
      defaultValue: false,
    },
    {
      id: 'Satchel.CivitaiReady',
      name: 'Let Civitai recognise the models of every image (tells whoever has the image)',
      category: ['Satchel', 'Images', 'CivitaiReady'],
      type: 'boolean',
      defaultValue: false,
    },
  ]
}

/**
 * @param {ComfyApp} app
 * @param {SatchelApi} satchel
 * @param {Importer} importer
 */
function commands(app, satchel, importer) {
  return [
    {
      id: 'Satchel.Export',
      label: 'Export portable workflow',
      icon: 'pi pi-briefcase',
      function: async () => {
        const { workflow: graph } = await app.graphToPrompt()
        const { activeWorkflow } = app.extensionManager.workflow
        const fileName = exportFileName(activeWorkflow?.filename)
        await openExportDialog({ satchel, graph, fileName })
      },
    },
    {
      id: 'Satchel.CheckModels',
      label: 'Check models',
      icon: 'pi pi-search',
      function: async () => {
        const { workflow: graph } = await app.graphToPrompt()
        await importer.showPlan(graph, null, false)
      },
    },
  ]
}
