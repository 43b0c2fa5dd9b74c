import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { Pages, cellAfter, gridShape, safeLink, wordsOf } from '../../web/lib/library.js'

describe('the grid', () => {
  const shape = (width) => gridShape({ width, least: 100, gap: 10, lines: 50 })

  test('has as many columns as fit, at least one, and fills its width', () => {
    assert.deepEqual(shape(320), { columns: 3, cell: 100, rowHeight: 160 })
    assert.deepEqual(shape(319), { columns: 2, cell: 154, rowHeight: 214 })
    assert.deepEqual(shape(40), { columns: 1, cell: 40, rowHeight: 100 })
  })

  const grid = { columns: 3, rows: 3, count: 11 } // the last row has two

  for (const [key, from, to] of [
    ['ArrowRight', 0, 1], ['ArrowLeft', 0, 0], ['ArrowRight', 10, 10], ['ArrowDown', 1, 4],
    ['ArrowDown', 8, 10], ['ArrowDown', 9, 9], ['ArrowUp', 1, 1], ['ArrowUp', 10, 7],
    ['PageDown', 0, 6], ['PageDown', 6, 10], ['PageUp', 7, 1], ['PageUp', 4, 0], ['Home', 7, 0],
    ['End', 0, 10], ['Enter', 1, null],
  ]) {
    test(`${key} leads from ${from} to ${to}`, () => assert.equal(cellAfter(key, from, grid), to))
  }

  test('has nowhere to go when it is empty', () => {
    assert.equal(cellAfter('End', 0, { ...grid, count: 0 }), null)
  })
})

describe('links', () => {
  for (const bad of [
    'javascript:alert(1)', 'http://civitai.com/', 'data:text/html,x', '//civitai.com', 'x', '', null,
    'https://civitai.com@evil.example/',
  ]) {
    test(`none to ${bad}`, () => assert.equal(safeLink(bad), ''))
  }

  test('to an https page', () => {
    assert.equal(safeLink('https://civitai.com/models/1'), 'https://civitai.com/models/1')
  })
})

test('words are parted by commas and lines, each once', () => {
  assert.deepEqual(wordsOf(' ink wash, brush,\nink wash,, '), ['ink wash', 'brush'])
  assert.deepEqual(wordsOf(' , '), [])
})

describe('pages', () => {
  /** Pages of ten whose answers come when the test says so. */
  function slow() {
    const asked = []
    const failures = []
    const pages = new Pages(
      (offset) => new Promise((resolve, reject) => asked.push({ offset, resolve, reject })),
      (error) => failures.push(error),
      10,
    )
    return { pages, asked, failures }
  }
  const page = (text) => Array.from({ length: 10 }, (_, at) => ({ name: `${text}${at}` }))
  const settled = () => new Promise((resolve) => setTimeout(resolve))

  test('are asked for once, and only those in sight', async () => {
    const { pages, asked } = slow()
    let arrived = 0
    pages.want(5, 21, () => (arrived += 1))
    pages.want(5, 21, () => (arrived += 1))
    assert.deepEqual(asked.map(({ offset }) => offset), [0, 10, 20])
    assert.equal(pages.at(5), undefined)
    asked[1].resolve(page('b'))
    await settled()
    assert.equal(pages.at(13).name, 'b3')
    assert.equal(arrived, 1)
  })

  test('of a list that is shown no more are dropped', async () => {
    const { pages, asked, failures } = slow()
    pages.want(0, 20, () => assert.fail('it is not wanted any more'))
    pages.reset(page('new'))
    asked[0].resolve(page('old'))
    asked[1].reject(new Error('late'))
    await settled()
    assert.equal(pages.at(0).name, 'new0')
    assert.equal(pages.at(10), undefined)
    assert.deepEqual(failures, [])
  })

  test('that failed can be asked for again', async () => {
    const { pages, asked, failures } = slow()
    pages.want(0, 5, () => {})
    asked[0].reject(new Error('no'))
    await settled()
    assert.equal(failures.length, 1)
    pages.want(0, 5, () => {})
    assert.equal(asked.length, 2)
  })
})
