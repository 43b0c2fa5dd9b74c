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
 * What a group of slots is called; a group that has no name here is called what the server calls it.
 *
 * @param {string} group
 */
export function groupTitle(group) {
  const key = `group.${group}`
  return key in ENGLISH ? say(/** @type {StringKey} */ (key)) : group
}
