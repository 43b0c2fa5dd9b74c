import assert from 'node:assert/strict'
import { test } from 'node:test'

import { formatBytes } from '../../web/lib/bytes.js'
import { installButton, planRows, planSummary, planTotals, updatedPlan } from '../../web/lib/plan_view.js'

function model(state, more = {}) {
  return {
    name: `${state}.safetensors`,
    directory: 'loras',
    state,
    local: null,
    source: 'civitai.com',
    fetch: state === 'missing',
    bytes: 1_000_000,
    reason: null,
    used_by: ['4'],
    ...more,
  }
}

function plan(models, more = {}) {
  return { models, bytes_to_fetch: 0, bytes_free: 5e9, ok: false, installable: false, ...more }
}

test('sizes are given in the unit that people would use', () => {
  const table = [
    [0, '0 bytes'],
    [999, '999 bytes'],
    [1536, '1.5 KB'],
    [99_949, '99.9 KB'],
    [214_500_000, '215 MB'],
    [999_600_000, '1.0 GB'],
    [6_800_000_000, '6.8 GB'],
    [2e15, '2000 TB'],
  ]
  for (const [bytes, text] of table) assert.equal(formatBytes(bytes), text)
})

test('each state has its word and tone, and what needs attention comes first', () => {
  const rows = planRows(
    plan([
      model('present'),
      model('renamed', { local: 'mine/x.safetensors' }),
      model('missing'),
      model('login', { reason: 'Log in.' }),
    ]),
  )

  assert.deepEqual(
    rows.map((row) => [row.tone, row.state, row.detail, row.source]),
    [
      ['problem', 'Needs a login', 'Log in.', 'civitai.com'],
      ['fetch', 'Will be downloaded', '', 'civitai.com'],
      ['here', 'Here', '', 'This machine'],
      ['here', 'Here, under another name', 'Used: mine/x.safetensors', 'This machine'],
    ],
  )
})

test('a model that no run needs is no problem', () => {
  const optional = model('missing', { fetch: false, optional: true, reason: 'Not needed.' })
  const made = plan([model('present'), optional], { ok: true })

  assert.deepEqual(planRows(made).map((row) => [row.tone, row.state]), [
    ['optional', 'Not needed'],
    ['here', 'Here'],
  ])
  assert.equal(planSummary(made), 'All models that this workflow needs are here.')
})

test('licence, rating and a gate are told before a download', () => {
  const facts = { licence: 'openrail', nsfw_level: 8, gated: true }
  const [fetched] = planRows(plan([model('missing', { ...facts, reason: 'Other bytes.' })]))
  const [here] = planRows(plan([model('present', facts)]))

  assert.equal(
    fetched.detail,
    'Other bytes. · Licence: openrail · Mature content · Its page has to be accepted first',
  )
  assert.equal(here.detail, '')
})

test('a missing model without a source is a problem, not a download', () => {
  const [row] = planRows(plan([model('missing', { source: null, fetch: false, bytes: null, reason: 'Unknown.' })]))

  assert.deepEqual([row.tone, row.state, row.source, row.size], ['problem', 'Not found anywhere', 'Unknown', ''])
})

test('folders that no table knows keep their name', () => {
  assert.equal(planRows(plan([model('present', { directory: 'ipadapter' })]))[0].kind, 'ipadapter')
})

test('the summary counts what is here, what comes and what cannot', () => {
  const table = [
    [plan([]), 'This workflow names no models.'],
    [plan([model('present')], { ok: true }), 'The one model of this workflow is here.'],
    [plan([model('present'), model('renamed')], { ok: true }), 'All 2 models of this workflow are here.'],
    [plan([model('present'), model('missing'), model('gone')]), '1 of 3 models is here, 1 can be downloaded, 1 cannot.'],
    [plan([model('gone')]), '0 of 1 model is here, 1 cannot.'],
  ]
  for (const [value, text] of table) assert.equal(planSummary(value), text)
})

test('the button says how many it installs, or why it cannot', () => {
  const missing = { bytes_to_fetch: 2e9, bytes_free: 1e9 }
  const table = [
    [plan([model('missing')], { installable: true }), 'Install 1 model', ''],
    [plan([model('missing'), model('missing')], missing), 'Install 2 models', 'Not enough room: 2.0 GB to download, 1.0 GB free.'],
    [plan([model('gone')]), 'Install', 'None of the missing models can be downloaded.'],
    [plan([model('present')], { ok: true }), 'Install', 'Everything is here already.'],
  ]
  for (const [value, label, blocked] of table) assert.deepEqual(installButton(value), { label, blocked })
})

test('totals name the download only when there is one', () => {
  assert.equal(planTotals(plan([], { bytes_to_fetch: 3e6 })), '3.0 MB to download, 5.0 GB free')
  assert.equal(planTotals(plan([])), '5.0 GB free')
})

test('a quick plan brings a full one up to date without forgetting why something cannot be had', () => {
  const full = plan([model('missing', { name: 'a' }), model('missing', { name: 'b' }), model('login', { name: 'c' })])
  const quick = plan(
    [model('present', { name: 'a' }), model('missing', { name: 'b' }), model('missing', { name: 'c' })],
    { bytes_to_fetch: 2_000_000, installable: true },
  )

  const updated = updatedPlan(full, quick)

  assert.deepEqual(updated.models.map((entry) => entry.state), ['present', 'missing', 'login'])
  assert.equal(updated.bytes_to_fetch, 1_000_000)
  assert.equal(updated.installable, true)
  assert.equal(updatedPlan(plan([model('login')]), plan([model('missing', { name: 'login.safetensors' })], { installable: true })).installable, false)
})
