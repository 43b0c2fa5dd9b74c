import assert from 'node:assert/strict'
import test from 'node:test'

import { LoraFacts, filterOptions, sharedFacts, shows } from '../../web/lib/lora_facts.js'

const TITLES = { sdxl: 'SDXL', flux1: 'FLUX.1' }
const CARDS = [
  { name: 'style/ink.safetensors', families: ['sdxl'], base: 'Pony', words: ['ink'], preview: 5 },
  { name: 'wash.safetensors', families: ['sdxl'], base: 'SDXL' },
  { name: 'both.safetensors', families: ['flux1', 'sdxl'], base: 'FLUX.1' },
  { name: 'old.pt' },
]
const MODEL = { directory: 'checkpoints', name: 'a.safetensors' }

function server(answers) {
  const asked = []
  const facts = new LoraFacts(async (body) => {
    asked.push(body)
    return { stamp: 's', reading: false, model: null, ...answers.shift() }
  })
  return { facts, asked }
}

test('what is known of a file is found by its name with either separator', async () => {
  const { facts } = server([{ loras: CARDS, families: TITLES }])
  assert.deepEqual(facts.of('style/ink.safetensors').families, [])

  await facts.refresh(null)

  assert.deepEqual(facts.of('style\\ink.safetensors'), CARDS[0])
  assert.deepEqual(facts.of('old.pt'), { name: 'old.pt', families: [], base: '', words: [], preview: 0 })
  assert.equal(facts.of('ghost.safetensors').base, '')
})

test('an answer that has nothing new leaves what is known', async () => {
  const { facts, asked } = server([
    { loras: CARDS, families: TITLES, model: { families: ['sdxl'] } },
    { model: null },
  ])
  await facts.refresh(MODEL)
  assert.equal(facts.familyOf(MODEL), 'sdxl')

  await facts.refresh(null)

  assert.deepEqual(asked.map(({ known }) => known), ['', 's'])
  assert.equal(facts.of('wash.safetensors').base, 'SDXL')
  assert.equal(facts.familyOf(MODEL), 'sdxl')
  assert.equal(facts.familyOf(null), '')
})

test('a model that tells nothing has no family', async () => {
  const { facts } = server([{ model: null }])
  await facts.refresh(MODEL)
  assert.equal(facts.familyOf(MODEL), '')
})

test('the list is asked for again until all is read, or nobody looks', async () => {
  for (const [looks, times] of [[true, 2], [false, 1]]) {
    const { facts, asked } = server([{ reading: true }, { reading: false }])
    await facts.follow(null, () => looks)
    assert.equal(asked.length, times)
  }
})

test('a filter by architecture keeps what may fit, one by base model only what is called so', async () => {
  const { facts } = server([{ loras: CARDS, families: TITLES }])
  await facts.refresh(null)
  const shown = (filter) =>
    CARDS.map(({ name }) => name).filter((name) => shows(facts.of(name), filter))

  assert.equal(shown('').length, 4)
  assert.deepEqual(shown('family:flux1'), ['both.safetensors', 'old.pt'])
  assert.deepEqual(shown('base:Pony'), ['style/ink.safetensors'])
})

test('what can be filtered by is counted, and an architecture is there once', async () => {
  const { facts } = server([{ loras: CARDS, families: TITLES }])
  await facts.refresh(null)

  assert.deepEqual(filterOptions(CARDS.map(({ name }) => name), facts), {
    families: [
      { value: 'family:flux1', title: 'FLUX.1', count: 1 },
      { value: 'family:sdxl', title: 'SDXL', count: 3 },
    ],
    bases: [{ value: 'base:Pony', title: 'Pony', count: 1 }],
  })
})

test('all dialogs of a page share what they know', async () => {
  const api = {}
  assert.equal(sharedFacts({ api }), sharedFacts({ api }))
  assert.notEqual(sharedFacts({ api: {} }), sharedFacts({ api }))
  await sharedFacts().refresh(null)
})
