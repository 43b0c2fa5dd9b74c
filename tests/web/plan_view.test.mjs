import assert from 'node:assert/strict'
import { test } from 'node:test'

import { formatBytes } from '../../web/lib/bytes.js'
import { installButton, licenceText, missingPacks, packRows, planRows, planSummary, planTotals, updatedPlan } from '../../web/lib/plan_view.js'

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

test('licence, rating, a gate, code and an unknown host are told before a download', () => {
  const facts = { licence: 'openrail', nsfw_level: 8, gated: true, can_run_code: true, known_source: false }
  const [fetched] = planRows(plan([model('missing', { ...facts, reason: 'Other bytes.' })]))
  const [here] = planRows(plan([model('present', facts)]))
  const [harmless] = planRows(plan([model('missing', { nsfw_level: 2, known_source: true })]))

  assert.equal(fetched.detail, 'Other bytes.')
  assert.deepEqual(fetched.warnings, [
    'Can run code when it is loaded',
    'Unknown host',
    'Mature content',
    'Its page has to be accepted first',
  ])
  assert.deepEqual([fetched.licence, here.licence], ['openrail', 'openrail'])
  assert.deepEqual([here.warnings, harmless.warnings], [[], []])
})

test('a licence says its name and what flags forbid or ask for', () => {
  const strict = { allowCommercialUse: 'None', allowNoCredit: false, allowDerivatives: false, allowDifferentLicense: false }
  const table = [
    [{}, ''],
    [{ licence: 'mit' }, 'mit'],
    [{ permissions: { allowCommercialUse: 'Image', allowNoCredit: true } }, ''],
    [{ licence: 'x', permissions: { allowNoCredit: false } }, 'x, credit its author'],
    [{ permissions: strict }, 'no commercial use, credit its author, no merges, same terms for merges'],
  ]
  for (const [value, text] of table) assert.equal(licenceText(value), text)
})

test('what a bundle brings comes from there', () => {
  const [row] = planRows(plan([model('missing', { source: 'bundle' })]))
  const two = plan([model('missing', { source: 'bundle' }), model('missing')])

  assert.deepEqual([row.state, row.source], ['Will be taken from the bundle', 'The bundle'])
  assert.equal(planSummary(two), '0 of 2 models are here, 1 can be taken from the bundle, 1 can be downloaded.')
})

test('node packs are told with the command that gets them, missing ones first', () => {
  const pack = (state, more = {}) => ({
    id: 'some-pack', repository: null, version: '1.0.2', node_types: ['A', 'B', 'C', 'D'],
    state, installed_version: null, command: state === 'installed' ? null : 'comfy node install x', ...more,
  })
  const made = plan([], {
    ok: true,
    node_packs: [
      pack('installed'),
      pack('other_version', { installed_version: '1.0.1' }),
      pack('missing', { id: null, repository: 'github.com/a/b', version: null }),
    ],
  })

  assert.deepEqual(
    packRows(made).map((row) => [row.name, row.tone, row.state, row.detail, row.command]),
    [
      ['github.com/a/b', 'problem', 'Missing', 'Gives A, B, C, ...', 'comfy node install x'],
      ['some-pack 1.0.2', 'here', 'Here', '', ''],
      ['some-pack 1.0.2', 'here', 'Here, in version 1.0.1', '', 'comfy node install x'],
    ],
  )
  assert.equal(missingPacks(made), 1)
  assert.equal(planSummary(made), 'This workflow names no models. 1 node pack is missing.')
  assert.deepEqual(packRows(plan([])), [])
})

test('several hosts are told apart in the total', () => {
  const models = [
    model('missing'),
    model('missing', { source: 'huggingface.co', bytes: 2e6 }),
    model('present'),
  ]
  const text = planTotals(plan(models, { bytes_to_fetch: 3e6 }))

  assert.equal(text, '3.0 MB to download, 5.0 GB free (1.0 MB from civitai.com, 2.0 MB from huggingface.co)')
})

test('the button tells of files that come with a bundle', () => {
  const ready = plan([model('present')], { ok: true })
  const both = plan([model('missing')], { installable: true })

  assert.deepEqual(installButton(ready, 1), { label: 'Add 1 file', blocked: '' })
  assert.deepEqual(installButton(ready, 2), { label: 'Add 2 files', blocked: '' })
  assert.deepEqual(installButton(both, 2), { label: 'Install everything', blocked: '' })
  assert.deepEqual(installButton(plan([model('gone')]), 1), { label: 'Add 1 file', blocked: '' })
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
