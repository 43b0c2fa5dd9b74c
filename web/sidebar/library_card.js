/** One file as the library's grid shows it. */

import { element } from '../dialogs/elements.js'
import { formatBytes } from '../lib/bytes.js'
import { isMature } from '../lib/plan_view.js'
import { shortName } from '../lib/rows.js'
import { say } from '../lib/strings.js'

/** @typedef {import('../types/satchel').LibraryModel} LibraryModel */

/**
 * @param {LibraryModel | undefined} model undefined while its page is on the way
 */
export function libraryCard(model) {
  if (!model) {
    return element('div', { class: 'satchel-card', role: 'option', 'data-waiting': '', 'aria-busy': 'true' })
  }
  const file = shortName(model.name)
  const facts = [model.base, formatBytes(model.size)].filter(Boolean).join(' \u00b7 ')
  const badges = badgesOf(model)
  const card = element(
    'div',
    {
      class: 'satchel-card',
      role: 'option',
      title: [model.name, model.title, ...badges.map(({ text }) => text)].filter(Boolean).join('\n'),
      'data-model': `${model.directory}/${model.name}`,
    },
    element(
      'span',
      { class: 'satchel-square', 'aria-hidden': 'true' },
      element('i', { class: 'pi pi-image' }),
      element(
        'span',
        { class: 'satchel-badges' },
        ...badges.map(({ icon, kind }) => element('i', { class: `pi ${icon}`, 'data-badge': kind })),
      ),
    ),
    element('span', { class: 'satchel-card-name' }, model.title || file),
    element('span', { class: 'satchel-card-facts' }, facts),
    element('span', { class: 'satchel-unseen' }, [file, ...badges.map(({ text }) => text)].join(', ')),
  )
  card.draggable = model.directory === 'loras'
  return card
}

/**
 * What is special about a file, in pictures and in words.
 *
 * @param {LibraryModel} model
 */
export function badgesOf(model) {
  return [
    { when: model.update, kind: 'update', icon: 'pi-arrow-circle-up', text: say('side.lib.hasUpdate') },
    { when: model.copies, kind: 'copies', icon: 'pi-clone', text: say('side.lib.hasCopies') },
    { when: model.noted, kind: 'noted', icon: 'pi-pencil', text: say('side.lib.hasNote') },
    { when: isMature(model.nsfw_level), kind: 'mature', icon: 'pi-eye-slash', text: say('side.lib.mature') },
  ].filter(({ when }) => when)
}
