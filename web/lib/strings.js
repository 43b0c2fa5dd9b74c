/** What the page says, in one table; other languages are other tables (`languages/`). */

const ENGLISH = {
  'blocks.title': 'Block weights',
  'blocks.titleOf': 'Block weights of {name}',
  'blocks.edit': 'Edit block weights',
  'blocks.architecture': 'Slots of',
  'blocks.noArchitecture': 'choose an architecture',
  'blocks.preset': 'Preset',
  'blocks.presetNone': 'choose a preset',
  'blocks.presetsOwn': 'Your own',
  'blocks.presetsShipped': 'Shipped',
  'blocks.invert': 'Invert',
  'blocks.reset': 'All to 1',
  'blocks.random': 'Random',
  'blocks.seed': 'Seed',
  'blocks.scale': 'Scale',
  'blocks.scaleRange': '{low} to {high}',
  'blocks.text': 'As text',
  'blocks.apply': 'Apply',
  'blocks.cancel': 'Cancel',
  'blocks.help':
    'Drag to paint, hold Shift for a range. Keys: up and down change, left and right go on, ' +
    'Shift with left or right takes the weight along, Page Up and Page Down make big steps, ' +
    'Home is 0, End is 1.',
  'blocks.loading': 'Reading the slots',
  'blocks.toldBy.model': '{title}, as the connected model is.',
  'blocks.toldBy.lora': '{title}, which this LoRA was trained for.',
  'blocks.toldBy.architecture': '{title}, as chosen.',
  'blocks.toldBy.none': 'Nothing tells which model this is for: choose an architecture to see its slots.',
  'blocks.unfit': 'This LoRA was trained for {title}, so it does not fit the model shown.',
  'blocks.positional':
    'These weights count the blocks of each LoRA file. They can be kept as text; painting replaces them.',
  'blocks.unread': 'Painting replaces the text.',
  'blocks.groupAll': 'Set all of {group} to {value}',
  'blocks.slot': '{name}, {group}',
  'blocks.valueIn': '{value}, {count} modules in this LoRA',
  'blocks.valueInOne': '{value}, 1 module in this LoRA',
  'blocks.valueNotIn': '{value}, not in this LoRA',
  'blocks.valueFiltered': '{value}, parts of it differ',
  'picker.title': 'Choose a LoRA',
  'picker.search': 'Search LoRAs',
  'picker.list': 'LoRA files',
  'picker.all': 'All',
  'picker.favourites': 'Favourites',
  'picker.recent': 'Recent',
  'picker.count': '{count} of {total} LoRAs',
  'picker.none': 'No LoRA is called like that.',
  'picker.noFavourites': 'No favourites yet: the star of a LoRA makes it one.',
  'picker.noRecent': 'What you choose will be here next time.',
  'picker.empty': 'No LoRA found. Put LoRA files into models/loras, then press R to refresh.',
  'picker.star': 'Add to favourites',
  'picker.unstar': 'Take out of favourites',
  'picker.choose': 'Choose',
  'picker.cancel': 'Cancel',
  'picker.added': '{name} added.',
  'picker.missing': '{name} is in none of the LoRA folders.',
  'picker.missingHint': 'Choose another file, or let Check models look where to get it.',
  'picker.check': 'Check models',
  'picker.base': 'Base model',
  'picker.anyBase': 'Any base model',
  'picker.architectures': 'Architecture',
  'picker.bases': 'As published',
  'picker.option': '{title} ({count})',
  'picker.hidden': '{count} of {total} LoRAs, {hidden} for other models are hidden.',
  'picker.noneOfBase': 'No LoRA for this base model is called like that.',
  'picker.reading': 'Reading what the other files are for.',
  'picker.showAll': 'Show all',
  'picker.details': 'Details',
  'picker.noPicture': 'No picture',
  'picker.words': 'Trigger words: {words}',
  'picker.factsFailed': 'Base models and pictures are not known: {reason}',
  'row.choose': 'Choose file',
  'row.mend': 'Check models: file is missing',
  'rows.toggle': 'Turn all on or off',
  'rows.scale': 'Scale all strengths',
  'rows.times': 'times {factor}',
  'rows.copy': 'Copy all rows',
  'rows.paste': 'Paste rows',
  'rows.copied': 'Rows copied',
  'rows.copiedDetail': 'Paste them in another LoRA Stack, or as <lora:...> text anywhere.',
  'rows.nothing': 'Nothing to paste',
  'rows.nothingDetail': 'Copy the rows of a LoRA Stack, or text with <lora:...> tags.',
  'rows.refused': 'Not all tags were read',
  'rows.refusedDetail': 'Rows have no place for what these say: {tags}',
  'row.copy': 'Copy',
  'group.text': 'Text',
  'group.input': 'Before',
  'group.output': 'After',
  'group.modulation': 'Modulation',
  'group.other': 'Other',
  'group.down': 'Input blocks',
  'group.middle': 'Middle',
  'group.up': 'Output blocks',
  'group.double': 'Double blocks',
  'group.single': 'Single blocks',
  'group.joint': 'Joint blocks',
  'group.blocks': 'Blocks',
  'group.layers': 'Layers',
  'group.vace': 'VACE blocks',
  'group.nerf': 'NeRF blocks',
  'group.refiner': 'Refiners',
  'rows.list': 'LoRAs of this stack',
  'rows.add': 'Add LoRA',
  'rows.none': 'No LoRA yet',
  'rows.count': '{on} of {count} on',
  'rows.timesAll': 'all ×',
  'rows.scaleHelp': 'Scale all strengths: drag, type a factor, or use the wheel and arrow keys',
  'rows.stackMenu': 'What can be done with all rows',
  'rows.noFile': 'no file chosen',
  'rows.noLoras': 'No LoRA found',
  'rows.noLorasDetail': 'Put LoRA files into models/loras, then press R to refresh.',
  'rows.grip': 'LoRA {number}: {name}',
  'rows.gripHelp': 'Drag to move the row. Keys: arrows go to other rows, Alt with arrows moves this one, Delete removes it',
  'rows.on': '{name} is on',
  'rows.choose': '{name}, choose file',
  'rows.missing': 'missing',
  'rows.emptyWhy': 'This row has no file.',
  'rows.unfit': 'for {title}',
  'rows.badBlocks': 'block weights',
  'rows.mend.empty': 'Choose',
  'rows.mend.missing': 'Find',
  'rows.mend.unfit': 'Choose',
  'rows.mend.blocks': 'Edit',
  'rows.allBlocks': 'all blocks at full weight',
  'rows.blocksOf': 'Block weights of {name}: {weights}',
  'rows.chip': 'Block weights: {weights}',
  'rows.asText': 'BW',
  'rows.strength.both': 'Strength',
  'rows.strength.model': 'Model strength',
  'rows.strength.clip': 'Clip strength',
  'rows.numberHelp': 'Drag, or click to type. Wheel and arrow keys step, Shift makes small steps, a double click brings back 1',
  'rows.fed': 'Comes from a link',
  'rows.link': 'One strength for model and clip',
  'rows.unlink': 'Set model and clip strength apart',
  'rows.menu': 'More',
  'rows.menuOf': 'More for {name}',
  'rows.from': 'acts from',
  'rows.to': 'to',
  'rows.someSteps': 'Act in some steps',
  'rows.allSteps': 'Act in all steps',
  'rows.skipped': 'skipped if unfit',
  'rows.skipIfUnfit': 'Skip if it does not fit',
  'rows.stopIfUnfit': 'Stop if it does not fit',
  'rows.inputs': 'Fields with an input socket',
  'rows.up': 'Move up',
  'rows.down': 'Move down',
  'rows.duplicate': 'Duplicate',
  'rows.remove': 'Remove',
  'rows.removeAll': 'Remove all rows',
  'rows.moved': '{name} is now {place} of {count}',
  'rows.removed': '{name} removed',
  'rows.allRemoved': 'All rows removed',
  'rows.undo': 'Undo',
  'rows.label': 'LoRA {number}: {field}',
  'rows.field.on': 'on',
  'rows.field.lora': 'file',
  'rows.field.strength_model': 'model strength',
  'rows.field.strength_clip': 'clip strength',
  'rows.field.blocks': 'block weights',
  'rows.field.start': 'start',
  'rows.field.stop': 'stop',
  'rows.field.on_mismatch': 'if it does not fit',
  'rows.tip.on': 'Off: this row is skipped and its file is not needed.',
  'rows.tip.lora': 'A file below models/loras.',
  'rows.tip.strength_model': 'How strongly this LoRA changes the diffusion model.',
  'rows.tip.strength_clip': 'How strongly this LoRA changes the text encoder.',
  'rows.tip.blocks':
    'A weight per block of the model, such as IN04-08=0.5, M00=1, *=0. ' +
    'Empty: every block at full weight.',
  'rows.tip.start': 'From this part of sampling on, 0 is the beginning.',
  'rows.tip.stop': 'Up to this part of sampling, 1 is the end.',
  'rows.tip.on_mismatch':
    'Stop the run, or skip this row, if its file is missing or is for another model.',
  'import.title': 'Models of this workflow',
  'import.model': 'Model',
  'import.state': 'State',
  'import.from': 'From',
  'import.licence': 'Licence',
  'import.size': 'Size',
  'import.state.present': 'Here',
  'import.state.renamed': 'Here, under another name',
  'import.state.missing': 'Not found anywhere',
  'import.state.login': 'Needs a login',
  'import.state.gone': 'No longer offered',
  'import.state.refused': 'Refused',
  'import.state.fetch': 'Will be downloaded',
  'import.state.unpack': 'Will be taken from the bundle',
  'import.state.optional': 'Not needed',
  'import.state.unsure': 'Looking for it',
  'import.kind.checkpoints': 'Checkpoint',
  'import.kind.clip_vision': 'CLIP vision',
  'import.kind.controlnet': 'ControlNet',
  'import.kind.diffusion_models': 'Diffusion model',
  'import.kind.embeddings': 'Embedding',
  'import.kind.hypernetworks': 'Hypernetwork',
  'import.kind.loras': 'LoRA',
  'import.kind.style_models': 'Style model',
  'import.kind.text_encoders': 'Text encoder',
  'import.kind.upscale_models': 'Upscaler',
  'import.kind.vae': 'VAE',
  'import.thisMachine': 'This machine',
  'import.bundle': 'The bundle',
  'import.unknownSource': 'Unknown',
  'import.used': 'Used: {name}',
  'import.mature': 'Mature content',
  'import.gated': 'Its page has to be accepted first',
  'import.pickle': 'Can run code when it is loaded',
  'import.unknownHost': 'Unknown host',
  'import.noModels': 'This workflow names no models.',
  'import.allNeededHere': 'All models that this workflow needs are here.',
  'import.allHere.one': 'The one model of this workflow is here.',
  'import.allHere.other': 'All {count} models of this workflow are here.',
  'import.someHere.one': '{here} of {count} model is here',
  'import.someHere.other': '{here} of {count} models are here',
  'import.someHereOne': '1 of {count} models is here',
  'import.canFetch': '{count} can be downloaded',
  'import.canUnpack': '{count} can be taken from the bundle',
  'import.cannot': '{count} cannot',
  'import.missingPacks.one': '1 node pack is missing.',
  'import.missingPacks.other': '{count} node packs are missing.',
  'import.free': '{free} free',
  'import.toFetch': '{bytes} to download, {free} free',
  'import.toUnpack': '{bytes} to unpack, {free} free',
  'import.toFetchFrom': '{bytes} from {host}',
  'import.install': 'Install',
  'import.installModels.one': 'Install 1 model',
  'import.installModels.other': 'Install {count} models',
  'import.addImages.one': 'Add 1 file',
  'import.addImages.other': 'Add {count} files',
  'import.installAll': 'Install everything',
  'import.blocked.here': 'Everything is here already.',
  'import.blocked.none': 'None of the missing models can be downloaded.',
  'import.blocked.room': 'Not enough room: {bytes} to download, {free} free.',
  'import.looking': 'Looking for the models',
  'import.starting': 'Starting',
  'import.stopping': 'Stopping',
  'import.stopped': 'Stopped. What was downloaded is kept.',
  'import.incomplete': 'Not everything worked.',
  'import.close': 'Close',
  'import.cancel': 'Cancel',
  'import.retry': 'Try again',
  'import.useNames': 'Use the names of this machine',
  'import.installed.one': '1 model installed.',
  'import.installed.other': '{count} models installed.',
  'import.imagesAdded.one': '1 file added.',
  'import.imagesAdded.other': '{count} files added.',
  'import.renamed.one': 'All models are here; 1 name changed to that of this machine.',
  'import.renamed.other': 'All models are here; {count} names changed to those of this machine.',
  'import.ready': 'The workflow is ready',
  'import.getLater': 'Satchel > Check models in the menu gets what is missing.',
  'import.reading': 'Reading {name}',
  'import.sending': 'Handing {name} to the server',
  'import.unreadable': 'The bundle holds no workflow.',
  'import.packs': 'Node packs',
  'import.packs.hint':
    'They are programs, so Satchel installs none of them. Run a command in the folder of your ' +
    'custom nodes if you trust its author, then start ComfyUI again.',
  'import.pack.installed': 'Here',
  'import.pack.other_version': 'Here, in version {version}',
  'import.pack.other_unknown': 'Here, in another version',
  'import.pack.missing': 'Missing',
  'import.pack.nodes': 'Gives {nodes}',
  'import.pack.copy': 'Copy command',
  'import.pack.copied': 'Copied',
  'import.files': 'Files that come with it',
  'import.files.hint': 'They go into the input folder of ComfyUI, never over a file that is there.',
  'export.title': 'Export portable workflow',
  'export.reading': 'Reading the models of this workflow',
  'export.empty': 'This workflow names no models.',
  'export.carries.one': 'It will carry the identity of 1 model, so that others get the very same file.',
  'export.carries.other':
    'It will carry the identity of {count} models, so that others get the very same files.',
  'export.unresolvedCount.one': '1 model is unresolved.',
  'export.unresolvedCount.other': '{count} models are unresolved.',
  'export.model': 'Model',
  'export.from': 'Published at',
  'export.licence': 'Licence',
  'export.size': 'Size',
  'export.hash': 'SHA256 {digest}',
  'export.noHash': 'Not hashed: it is not here',
  'export.unresolved': 'Others will have to find these themselves',
  'export.unresolved.reason': 'It is not known where to get it.',
  'export.reference': 'Where {name} is published: a URL, an AIR or a hash',
  'export.reference.place': 'URL, AIR or hash',
  'export.reference.check': 'Check',
  'export.reference.checking': 'Comparing {name} with what is published there',
  'export.reference.found': '{name} is published there, byte for byte.',
  'export.packs': 'Node packs',
  'export.removed': 'Taken out, because it is private',
  'export.format': 'Save as',
  'export.format.json': 'Workflow .json',
  'export.format.json.hint': 'Opens in any ComfyUI.',
  'export.format.api': 'API graph',
  'export.format.api.hint': 'Two files for servers and scripts: the graph and its lock.',
  'export.format.png': 'Picture .png',
  'export.format.png.hint': 'Carries workflow and lock; keep it away from sites that convert pictures.',
  'export.format.webp': 'Picture .webp',
  'export.format.webp.hint': 'As .png, smaller; keep it away from sites that convert pictures.',
  'export.format.zip': 'Bundle .zip',
  'export.format.zip.hint': 'Workflow, lock and the files that it loads.',
  'export.withModels': 'With the models ({bytes})',
  'export.picture': 'Picture',
  'export.picture.graph': 'Of the graph',
  'export.picture.choose': 'Choose a picture',
  'export.picture.unreadable': '{name} is no picture that this browser can read.',
  'export.picture.unwritable': 'This browser makes no .{format} of that size.',
  'export.save': 'Save',
  'export.saving': 'Saving',
  'export.packing': 'Packing {name}',
  'export.saved': 'Saved as {name}',
  'export.leftOut': 'Not in the bundle',
  'export.close': 'Close',
  'export.cancel': 'Cancel',
  'export.retry': 'Try again',
  'licence.noCommercial': 'no commercial use',
  'licence.credit': 'credit its author',
  'licence.noDerivatives': 'no merges',
  'licence.sameTerms': 'same terms for merges',
  'menu.satchel': 'Satchel',
  'menu.open': 'Open workflow or bundle',
  'menu.export': 'Export portable workflow',
  'menu.check': 'Check models',
  'export.noApi': 'Not possible: some nodes of this workflow are not installed.',
}

/** @typedef {keyof typeof ENGLISH} StringKey */

const LANGUAGES = {
  zh: () => import('./languages/zh.js'),
  ja: () => import('./languages/ja.js'),
}

/** @type {Partial<Record<StringKey, string>>} */
let strings = ENGLISH

/**
 * Says everything in the language of a locale from now on, in English if there is no other.
 *
 * @param {string} locale as the host writes them: `en`, `zh`, `zh-TW`, `ja`, ...
 */
export async function speak(locale) {
  const language = locale.split('-')[0] ?? ''
  const load = language in LANGUAGES ? LANGUAGES[/** @type {keyof typeof LANGUAGES} */ (language)] : null
  strings = load ? (await load()).STRINGS : ENGLISH
}

/** Every key there is, with its English. */
export const ALL_ENGLISH = Object.freeze({ ...ENGLISH })

/**
 * A sentence with its places filled in.
 *
 * @param {StringKey} key
 * @param {Record<string, string | number>} [values]
 */
export function say(key, values = {}) {
  return (strings[key] ?? ENGLISH[key]).replace(/\{(\w+)\}/g, (place, name) => String(values[name] ?? place))
}

/**
 * @param {string} key
 * @returns {key is StringKey}
 */
export function hasString(key) {
  return key in ENGLISH
}

/**
 * A sentence about a number of things, which it gets as {count}: the table has one sentence for one
 * of them and one for all other numbers.
 *
 * @param {CountedKey} key
 * @param {number} count
 * @param {Record<string, string | number>} [values]
 */
export function sayCount(key, count, values = {}) {
  return say(`${key}.${count === 1 ? 'one' : 'other'}`, { count, ...values })
}

/**
 * @template Key
 * @typedef {Key extends `${infer Base}.one` ? Base : never} BaseOf
 */
/** @typedef {BaseOf<StringKey>} CountedKey */

/**
 * What a group of slots is called; a group that has no name here is called what the server calls it.
 *
 * @param {string} group
 */
export function groupTitle(group) {
  const key = `group.${group}`
  return hasString(key) ? say(key) : group
}
