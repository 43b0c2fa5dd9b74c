/** What import and export add to the host: commands, keys, menus, settings. */

import { openExportDialog } from './dialogs/export_dialog.js'
import { element } from './dialogs/elements.js'
import { AUTO_DIALOG, Importer } from './importer.js'
import { workflowStem } from './lib/documents.js'
import { FORMATS, exportedDocument } from './lib/export_view.js'
import { say } from './lib/strings.js'

/** @typedef {import('./types/comfy').ComfyApp} ComfyApp */
/** @typedef {import('./api.js').SatchelApi} SatchelApi */

const EXPORT_FORMAT = 'Satchel.ExportFormat'
const REPOSITORY = 'https://github.com/comfyui-satchel/ComfyUI-Satchel'
const OPENED = '.json,.png,.webp,.zip,.svg,.latent,.safetensors,.mp4,.webm,.flac,.mp3,.opus'

/**
 * @param {ComfyApp} app
 * @param {SatchelApi} satchel
 */
export function portabilityExtension(app, satchel) {
  const importer = new Importer(app, satchel)
  const badge = { label: 'ComfyUI-Satchel', url: REPOSITORY, icon: 'pi pi-briefcase' }
  return {
    name: 'Satchel.Portability',
    commands: commands(app, satchel, importer),
    // No letter with Shift alone is bound by the host, and fields for text keep theirs.
    keybindings: [
      { commandId: 'Satchel.Open', combo: { key: 'O', shift: true } },
      { commandId: 'Satchel.Export', combo: { key: 'E', shift: true } },
      { commandId: 'Satchel.CheckModels', combo: { key: 'C', shift: true } },
    ],
    menuCommands: [
      { path: ['Satchel'], commands: ['Satchel.Open', 'Satchel.Export', 'Satchel.CheckModels'] },
    ],
    settings: [...importSettings(), ...imageSettings()],
    aboutPageBadges: [badge],
    init() {
      importer.watchFiles()
      const tell = (/** @type {string} */ version) => (badge.label += ` v${version}`)
      // A badge without its number will do when the server does not say.
      satchel.version().then(tell, () => {})
    },
    /** @param {import('./types/comfy').SavedGraph} graph */
    async beforeConfigureGraph(graph) {
      await importer.beforeConfigureGraph(graph)
    },
    afterConfigureGraph() {
      importer.afterConfigureGraph()
    },
    getCanvasMenuItems() {
      const run = (/** @type {string} */ id) => () => void app.extensionManager.command.execute(id)
      const options = [
        { content: say('menu.export'), callback: run('Satchel.Export') },
        { content: say('menu.check'), callback: run('Satchel.CheckModels') },
      ]
      return [null, { content: say('menu.satchel'), has_submenu: true, submenu: { options } }]
    },
  }
}

/**
 * @param {ComfyApp} app
 * @param {SatchelApi} satchel
 * @param {Importer} importer
 */
function commands(app, satchel, importer) {
  return [
    {
      id: 'Satchel.Open',
      label: say('menu.open'),
      icon: 'pi pi-folder-open',
      function: () => chooseFile((file) => app.handleFile(file)),
    },
    {
      id: 'Satchel.Export',
      label: say('menu.export'),
      icon: 'pi pi-briefcase',
      function: async () => openExportDialog({ satchel, ...(await whatToExport(app)) }),
    },
    {
      id: 'Satchel.CheckModels',
      label: say('menu.check'),
      icon: 'pi pi-search',
      function: () => importer.checkModels(),
    },
  ]
}

/** @param {ComfyApp} app */
async function whatToExport(app) {
  const { setting, toast, workflow } = app.extensionManager
  const saved = FORMATS.find((format) => format === setting.get(EXPORT_FORMAT))
  return {
    document: exportedDocument(await app.graphToPrompt()),
    stem: workflowStem(workflow.activeWorkflow?.filename),
    format: saved ?? 'json',
    rememberFormat: (/** @type {string} */ format) => void setting.set(EXPORT_FORMAT, format),
    celebrate: (/** @type {string} */ summary, /** @type {string} */ detail) =>
      toast.add({ severity: 'success', summary, detail, life: 6_000 }),
  }
}

/**
 * Lets the user choose a file; the host's own choice offers no bundles.
 *
 * @param {(file: File) => void} open
 */
function chooseFile(open) {
  const input = element('input', { type: 'file', accept: OPENED })
  input.addEventListener('change', () => {
    const file = input.files?.[0]
    if (file) open(file)
  })
  input.click()
}

function importSettings() {
  return [
    {
      id: AUTO_DIALOG,
      name: 'Ask to install missing models when a portable workflow is opened',
      category: ['Satchel', 'Import', 'AskOnOpen'],
      type: 'boolean',
      defaultValue: true,
    },
    {
      id: EXPORT_FORMAT,
      name: 'What a workflow is exported as, unless something else is chosen',
      category: ['Satchel', 'Export', 'Format'],
      type: 'combo',
      options: FORMATS.map((format) => ({ value: format, text: say(`export.format.${format}`) })),
      defaultValue: 'json',
    },
  ]
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
