import assert from 'node:assert/strict'
import { test } from 'node:test'

import { JobProgress } from '../../web/lib/progress.js'

function event(state, name, done, total, filesDone = 0, filesTotal = 0) {
  return { state, name, done, total, files_done: filesDone, files_total: filesTotal }
}

test('the bar runs over all files, each counted once', () => {
  const progress = new JobProgress(4_000_000)
  const shares = [
    progress.update(event('downloading', 'a', 500_000, 1_000_000, 0, 2)).share,
    progress.update(event('downloading', 'a', 1_000_000, 1_000_000, 0, 2)).share,
    progress.update(event('downloading', 'a', 1_000_000, 1_000_000, 0, 2)).share,
    progress.update(event('downloading', 'b', 3_000_000, 3_000_000, 1, 2)).share,
  ]
  assert.deepEqual(shares, [0.125, 0.25, 0.25, 1])
})

test('a file that starts over does not move the bar back', () => {
  const progress = new JobProgress(1000)
  progress.update(event('downloading', 'a', 800, 1000))
  assert.equal(progress.update(event('downloading', 'a', 0, 1000)).share, 0.8)
})

test('each state says what is going on', () => {
  const table = [
    [event('downloading', 'a', 1e6, 2e6, 0, 2), 'Downloading a (1 of 2): 1.0 MB of 2.0 MB', 0.5],
    [event('downloading', 'a', 1e6, 0, 0, 1), 'Downloading a: 1.0 MB', null],
    [event('hashing', 'a', 1, 2, 1, 2), 'Reading a', 0.75],
    [event('hashing', 'a', 0, 0, 0, 0), 'Reading a', null],
    [event('previews', 'a', 0, 0, 3, 12), 'Getting pictures: 3 of 12', 0.25],
    [event('previews', 'a', 0, 0, 0, 0), 'Getting pictures: 0 of 0', null],
    [event('resolving', '', 0, 0), 'Asking the marketplaces', null],
    [event('done', '', 0, 0), 'Finishing', null],
  ]
  for (const [value, text, share] of table) {
    assert.deepEqual(new JobProgress(0).update(value), { text, share })
  }
})
