import assert from 'node:assert/strict'
import { test } from 'node:test'

import { PresetContent } from '../../web/widgets/preset_content.js'

const PRESETS = { WARM: 'WARM{*=0}' }
const redrawn = { setDirtyCanvas() {} }

async function typed(answer, ...texts) {
  const asked = []
  const content = new PresetContent((text) => {
    asked.push(text)
    return answer(text)
  }, 1)
  const widget = { value: '' }
  for (const text of texts) {
    widget.value = text
    content.changed(redrawn, widget)
  }
  await new Promise((resolve) => setTimeout(resolve, 20))
  return { asked, value: widget.value }
}

const server = async (text) => PRESETS[text] ?? text

test('a preset is replaced by its content once typing has paused', async () => {
  assert.deepEqual(await typed(server, 'W', 'WAR', 'WARM'), { asked: ['WARM'], value: 'WARM{*=0}' })
})

test('text without presets stays, and numbers are not even asked about', async () => {
  assert.deepEqual(await typed(server, 'IN04=0.5'), { asked: ['IN04=0.5'], value: 'IN04=0.5' })
  assert.deepEqual(await typed(server, '1,0,0'), { asked: [], value: '1,0,0' })
})

test('malformed text stays as it is', async () => {
  const { value } = await typed(() => Promise.reject(new Error('no')), 'IN04=')
  assert.equal(value, 'IN04=')
})

test('what was typed meanwhile is not overwritten', async () => {
  const widget = { value: 'WARM' }
  const content = new PresetContent(async () => {
    widget.value = 'WARMER'
    return 'WARM{*=0}'
  }, 1)
  content.changed(redrawn, widget)
  await new Promise((resolve) => setTimeout(resolve, 20))
  assert.equal(widget.value, 'WARMER')
})
