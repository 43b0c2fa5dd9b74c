import assert from 'node:assert/strict'
import { test } from 'node:test'

import { SatchelApi, SatchelApiError, isCancelled } from '../../web/api.js'

/** The host's `api` with answers by route; each is taken once, the last one stays. */
class HostApi extends EventTarget {
  clientId = 'me'
  requests = []

  constructor(answers) {
    super()
    this.answers = answers
  }

  async fetchApi(route, options) {
    const body = options.body && JSON.parse(options.body)
    this.requests.push([options.method, route, body])
    const queue = this.answers[`${options.method} ${route}`]
    const [status, value] = queue.length > 1 ? queue.shift() : queue[0]
    if (status === 0) throw new TypeError('Failed to fetch')
    return new Response(typeof value === 'string' ? value : JSON.stringify(value), { status })
  }
}

const RUN = 'POST /satchel/v1/plan'
const JOB = 'GET /satchel/v1/jobs/j1'
const CANCEL = 'POST /satchel/v1/jobs/j1/cancel'
const document = { json: { nodes: [] } }
const never = new AbortController().signal

function satchel(answers) {
  const host = new HostApi({ [RUN]: [[202, { job: 'j1' }]], [CANCEL]: [[200, {}]], ...answers })
  return { host, api: new SatchelApi(host, 5) }
}

test('a job is followed by polling to its result', async () => {
  const running = { id: 'j1', state: 'running', progress: { state: 'hashing', name: 'a' } }
  const { host, api } = satchel({ [JOB]: [[200, running], [200, { id: 'j1', state: 'done', result: 42 }]] })
  const seen = []

  assert.equal(await api.runJob('plan', document, (event) => seen.push(event.name), never), 42)

  assert.deepEqual(seen, ['a'])
  assert.deepEqual(host.requests[0][2], { ...document, wait: false, client_id: 'me' })
})

test('events of this job are passed on, those of others are not', async () => {
  const { host, api } = satchel({ [JOB]: [[200, { state: 'running' }], [200, { state: 'done' }]] })
  const seen = []
  const run = api.runJob('plan', document, (event) => seen.push(event.name), never)
  await new Promise((resolve) => setTimeout(resolve, 2))

  for (const job of ['j1', 'other']) {
    host.dispatchEvent(new CustomEvent('satchel.progress', { detail: { job, state: 'hashing', name: job } }))
  }
  await run
  host.dispatchEvent(new CustomEvent('satchel.progress', { detail: { job: 'j1', name: 'late' } }))

  assert.deepEqual(seen, ['j1'])
})

test('the last event of a job ends the wait at once', async () => {
  const host = new HostApi({ [RUN]: [[202, { job: 'j1' }]], [JOB]: [[200, { state: 'done', result: 1 }]] })
  const api = new SatchelApi(host, 60_000)
  const run = api.runJob('plan', document, () => {}, never)
  await new Promise((resolve) => setTimeout(resolve, 2))

  host.dispatchEvent(new CustomEvent('satchel.progress', { detail: { job: 'j1', state: 'done' } }))

  assert.equal(await run, 1)
})

test("a failed job throws the server's error with its hint", async () => {
  const error = { code: 'hash_mismatch', message: 'Other bytes.', hint: 'Ask.', details: { failed: [] } }
  const { api } = satchel({ [JOB]: [[200, { state: 'failed', error }]] })

  await assert.rejects(api.runJob('plan', document, () => {}, never), (thrown) => {
    assert.ok(thrown instanceof SatchelApiError)
    assert.deepEqual([thrown.code, thrown.message, thrown.hint], ['hash_mismatch', 'Other bytes.', 'Ask.'])
    return true
  })
})

test('aborting cancels the job on the server', async () => {
  const error = { code: 'cancelled', message: 'It was cancelled.' }
  const { host, api } = satchel({ [JOB]: [[200, { state: 'running' }], [200, { state: 'cancelled', error }]] })
  const stop = new AbortController()
  const run = api.runJob('plan', document, () => stop.abort(), stop.signal)
  stop.abort()

  await assert.rejects(run, isCancelled)
  assert.ok(host.requests.some(([, route]) => route.endsWith('/cancel')))
})

test('a poll that does not get through is tried again', async () => {
  const { api } = satchel({ [JOB]: [[0], [0], [200, { state: 'done', result: 7 }]] })

  assert.equal(await api.runJob('plan', document, () => {}, never), 7)
})

test('answers that are no JSON of ours still become a sentence', async () => {
  const table = [
    [[502, '<html>'], 'The server answered with status 502.'],
    [[0], 'ComfyUI does not answer.'],
    [[400, { error: { code: 'x', message: 'No.' } }], 'No.'],
  ]
  for (const [answer, message] of table) {
    const { api } = satchel({ [RUN]: [answer] })
    await assert.rejects(api.quickPlan(document), { message })
  }
})

test('nodes are converted as selected, and what can be is asked of the server', async () => {
  const { host, api } = satchel({
    'POST /satchel/v1/convert': [[200, { converted: [], kept: [] }]],
    'GET /satchel/v1/status': [[200, { version: '1', convertible: ['A'] }]],
  })

  assert.deepEqual(await api.convert(document, { nodes: ['3'] }), { converted: [], kept: [] })
  assert.deepEqual(await api.convertibleTypes(), ['A'])

  assert.deepEqual(host.requests[0][2], { ...document, nodes: ['3'] })
})
