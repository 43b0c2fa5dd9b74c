import assert from 'node:assert/strict'
import { readFile, readdir } from 'node:fs/promises'
import { afterEach, describe, test } from 'node:test'

import { STRINGS as JAPANESE } from '../../web/lib/languages/ja.js'
import { STRINGS as CHINESE } from '../../web/lib/languages/zh.js'
import { ALL_ENGLISH, say, speak } from '../../web/lib/strings.js'

const LANGUAGES = { zh: CHINESE, ja: JAPANESE }
const NAMES = /^(AIR|LoRA|Satchel|[\W\d]|\{\w+\})*$/

const places = (text) => [...text.matchAll(/\{\w+\}/g)].map(String).sort()

afterEach(() => speak('en'))

for (const [language, strings] of Object.entries(LANGUAGES)) {
  describe(`in ${language}`, () => {
    test('everything is said, and nothing that English does not say', () => {
      assert.deepEqual(Object.keys(ALL_ENGLISH).filter((key) => !(key in strings)), [])
      assert.deepEqual(Object.keys(strings).filter((key) => !(key in ALL_ENGLISH)), [])
    })

    test('every sentence has the places of the English one', () => {
      for (const [key, text] of Object.entries(strings)) {
        assert.deepEqual(places(text), places(ALL_ENGLISH[key] ?? ''), key)
      }
    })

    test('nothing is left in English', () => {
      const left = Object.entries(strings).filter(([key, text]) => text === ALL_ENGLISH[key])
      assert.deepEqual(left.filter(([, text]) => !NAMES.test(text)), [])
    })
  })
}

test('the page speaks the language of the host, and English where it has no other', async () => {
  const said = []
  for (const locale of ['zh', 'ja', 'zh-TW', 'fr', '']) {
    await speak(locale)
    said.push(say('picker.cancel'))
  }
  assert.deepEqual(said, ['取消', 'キャンセル', '取消', 'Cancel', 'Cancel'])
})

const WEB = new URL('../../web/', import.meta.url)
const TABLES = /^lib[\\/](strings\.js|languages[\\/])/
const QUOTED = /(['"`])(?:(?!\1).)*\1/g
/** What the host translates by ids, what is for the log, and what nobody sees. */
const OTHERS = /^\s*(\*|\/\/|\/\*|import |(name|label|tooltip): )|console\.|throw new \w*Error\(['"`]/

/** They are called so in every language. */
const PRODUCTS = /'Hugging Face'/g

/** Texts in quotes that look like sentences: a capital first, several words; names of keys do not. */
function englishIn(source) {
  return source
    .split('\n')
    .filter((line) => !OTHERS.test(line))
    .flatMap((line) => line.replaceAll(PRODUCTS, '').match(QUOTED) ?? [])
    .filter((text) => {
      const words = text.slice(1, -1).replace(/\$\{[^}]*\}/g, '')
      return /^(?!(Alt|Ctrl) )[A-Z]/.test(words) && /[a-z]{2}/.test(words) && words.includes(' ')
    })
}

test('no script says anything by itself: every sentence is in the tables', async () => {
  const files = await readdir(WEB, { recursive: true })
  const scripts = files.filter((name) => name.endsWith('.js') && !TABLES.test(name))
  assert.ok(scripts.length > 20)
  const found = []
  for (const name of scripts) {
    const source = await readFile(new URL(name.replaceAll('\\', '/'), WEB), 'utf8')
    found.push(...englishIn(source).map((text) => `${name}: ${text}`))
  }
  assert.deepEqual(found, [])
})

test('a sentence in a script would be noticed', () => {
  assert.deepEqual(englishIn("toast('info', 'No LoRA nodes', say('x'))"), ["'No LoRA nodes'"])
  assert.deepEqual(englishIn('const text = `Reading ${name}`\n'), ['`Reading ${name}`'])
  assert.deepEqual(englishIn("  name: 'A setting of ours',\nconsole.warn('It is so')\n * It's a 'Big thing'"), [])
})
