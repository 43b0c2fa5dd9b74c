import assert from 'node:assert/strict'
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
