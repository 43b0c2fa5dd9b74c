import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import {
  duration,
  fileFacts,
  fileReference,
  limitsFrom,
  planKey,
  queueActions,
  queueOrder,
  queueProgress,
  rating,
  searchWords,
  updateNews,
} from '../../web/lib/side_view.js'

const entry = (more = {}) => ({
  id: 1,
  name: 'ink.safetensors',
  state: 'running',
  priority: 0,
  position: 1,
  done: 5_000_000,
  total: 20_000_000,
  bytes_per_s: 1_000_000,
  seconds_left: 15,
  retry_at: null,
  error: null,
  ...more,
})
const file = (more = {}) => ({
  name: 'ink.safetensors',
  size: 1_500_000,
  format: 'SafeTensor',
  precision: 'fp16',
  file_type: 'Model',
  sha256: 'ab'.repeat(32),
  sources: [{ kind: 'civitai', url: 'https://civitai.com/api/download/models/2' }],
  ...more,
})

test('the strongest rating is told, and none for what was not rated', () => {
  assert.deepEqual([0, null, 1, 3, 28, 16].map(rating), ['', '', 'PG', 'PG-13', 'XXX', 'XXX'])
})

test('times are told in the unit that people would use', () => {
  assert.deepEqual([0.2, 59, 120, 5400, 7320].map(duration), ['1 s', '59 s', '2 min', '1 h 30 min', '2 h 2 min'])
})

describe('the queue', () => {
  test('what runs comes first, then what waits in its order, then the rest', () => {
    const states = [
      entry({ id: 1, state: 'done' }),
      entry({ id: 2, state: 'queued', priority: 0, position: 1 }),
      entry({ id: 3, state: 'queued', priority: 10, position: 9 }),
      entry({ id: 4, state: 'failed' }),
      entry({ id: 5, state: 'running' }),
      entry({ id: 6, state: 'done' }),
    ]
    assert.deepEqual(queueOrder(states).map(({ id }) => id), [5, 3, 2, 4, 6, 1])
    assert.equal(states[0].id, 1)
  })

  test('what runs tells its speed and the time that is left', () => {
    assert.equal(queueProgress(entry(), 0), '5.0 MB of 20.0 MB · 1.0 MB/s · 15 s left')
    assert.equal(queueProgress(entry({ total: null, seconds_left: null }), 0), '5.0 MB · 1.0 MB/s')
  })

  test('what rests tells no speed, and what waits for another try tells when', () => {
    assert.equal(queueProgress(entry({ state: 'paused' }), 0), '5.0 MB of 20.0 MB')
    assert.equal(queueProgress(entry({ state: 'queued', retry_at: 130 }), 100), '5.0 MB of 20.0 MB · tried again in 30 s')
    assert.equal(queueProgress(entry({ state: 'queued', retry_at: 130 }), 200), '5.0 MB of 20.0 MB')
    assert.equal(queueProgress(entry({ state: 'done' }), 0), '20.0 MB')
  })

  test('only what makes sense can be done', () => {
    const can = (state) => Object.entries(queueActions(state)).filter(([, may]) => may).map(([name]) => name)
    assert.deepEqual(can('running'), ['pause', 'cancel', 'prioritize'])
    assert.deepEqual(can('paused'), ['resume', 'cancel', 'prioritize'])
    assert.deepEqual(can('failed'), ['retry', 'cancel'])
    assert.deepEqual(can('cancelled'), ['retry'])
    assert.deepEqual(can('done'), [])
  })
})

describe('published files', () => {
  test('say their size, format and what they are if not the model', () => {
    assert.deepEqual(fileFacts(file()), ['1.5 MB', 'SafeTensor', 'fp16'])
    assert.deepEqual(fileFacts(file({ size: null, precision: '', file_type: 'VAE' })), ['size not told', 'SafeTensor', 'VAE'])
  })

  test('are named by their address, else by their digest', () => {
    assert.equal(fileReference(file()), 'https://civitai.com/api/download/models/2')
    assert.equal(fileReference(file({ sources: [] })), 'ab'.repeat(32))
    assert.equal(fileReference(file({ sources: [], sha256: null })), '')
  })
})

test('a missing file is searched for by its words', () => {
  assert.equal(searchWords('style\\ink_wash-v1.5.safetensors'), 'ink wash v1 5')
  assert.equal(searchWords('a/b/detail.tweaker'), 'detail')
  assert.equal(searchWords('plain'), 'plain')
})

describe('what a plan depends on', () => {
  const graph = (node = {}, more = {}) => ({
    id: 'x',
    nodes: [{ id: 1, type: 'LoraLoader', pos: [0, 0], mode: 0, widgets_values: ['a'], ...node }],
    extra: {},
    ...more,
  })

  test('is the same after a node was moved', () => {
    assert.equal(planKey(graph()), planKey(graph({ pos: [9, 9] })))
  })

  test('is another after a value, a mode, a lock or a subgraph has changed', () => {
    const subgraphs = [{ nodes: [{ id: 1, type: 'VAELoader', widgets_values: ['v'] }] }]
    const others = [
      graph({ widgets_values: ['b'] }),
      graph({ mode: 4 }),
      graph({}, { extra: { satchel: { models: [] } } }),
      graph({}, { definitions: { subgraphs } }),
      graph({}, { id: 'y' }),
    ]
    assert.equal(new Set([graph(), ...others].map(planKey)).size, others.length + 1)
  })
})

describe('newer versions', () => {
  const known = { stamp: 's2', count: 3 }

  test('a new set has a badge and one toast', () => {
    assert.deepEqual(updateNews(known, { seen: null, told: null }), { badge: '3', toast: true })
    assert.deepEqual(updateNews(known, { seen: 's1', told: 's1' }), { badge: '3', toast: true })
    assert.deepEqual(updateNews(known, { seen: null, told: 's2' }), { badge: '3', toast: false })
  })

  test('a set that somebody has looked at has neither, nor have none', () => {
    assert.deepEqual(updateNews(known, { seen: 's2', told: null }), { badge: null, toast: false })
    assert.deepEqual(updateNews({ stamp: '', count: 0 }, { seen: null, told: null }), { badge: null, toast: false })
  })
})

describe('limits of the queue', () => {
  const texts = { total: '3', per_host: '2', connections: '4', bytes_per_s: '' }

  test('are typed in megabytes per second; nothing and 0 are none', () => {
    for (const [typed, meant] of [['', null], ['0', null], ['2.5', 2_500_000], ['0.0001', 1000]]) {
      const limits = limitsFrom({ ...texts, bytes_per_s: /** @type {string} */ (typed) })
      assert.deepEqual(limits, { total: 3, per_host: 2, connections: 4, bytes_per_s: meant })
    }
  })
})
