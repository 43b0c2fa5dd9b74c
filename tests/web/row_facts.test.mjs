import assert from 'node:assert/strict'
import { test } from 'node:test'

import { newRow } from '../../web/lib/rows.js'
import { RowFactsBook } from '../../web/widgets/stack/row_facts.js'

const ANSWER = { slots: [], fits: true, trained_for: null, error: null }
const rows = (count) => Array.from({ length: count }, (_, at) => newRow(`${at}.safetensors`))
const settled = () => new Promise((done) => setTimeout(done, 0))

function bookOn(answer) {
  const asked = []
  const waiting = []
  const blocks = (request) => {
    asked.push(request.lora)
    return new Promise((resolve, reject) => waiting.push(() => answer(resolve, reject)))
  }
  const book = new RowFactsBook({ blocks })
  const answerAll = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      next()
      await settled()
    }
  }
  return { asked, book, answerAll }
}

test('each row is asked about once, two at a time, and readers hear of the answer', async () => {
  const { asked, book, answerAll } = bookOn((resolve) => resolve(ANSWER))
  let told = 0
  book.read(() => (told += 1))
  for (const row of [...rows(5), ...rows(5)]) assert.equal(book.of(row, null), null)
  assert.equal(asked.length, 2)

  await answerAll()

  assert.deepEqual(asked.sort(), rows(5).map(({ lora }) => lora))
  assert.equal(told, 5)
  assert.equal(book.of(rows(1)[0], null).fits, true)
  assert.equal(asked.length, 5)
})

test('another model or another text is another question; a row without file is none', async () => {
  const { asked, book, answerAll } = bookOn((resolve) => resolve(ANSWER))
  const [row] = rows(1)
  book.of(row, null)
  book.of(row, { directory: 'checkpoints', name: 'a' })
  book.of({ ...row, blocks: 'IN04=0' }, null)
  book.of(newRow(''), null)
  await answerAll()
  assert.equal(asked.length, 3)
})

test('a server that does not answer leaves a row as it is', async () => {
  const { book, answerAll } = bookOn((_, reject) => reject(new Error('gone')))
  book.of(rows(1)[0], null)
  await answerAll()
  assert.equal(book.of(rows(1)[0], null), null)
})

test('once files changed, everything is asked anew', async () => {
  const { asked, book, answerAll } = bookOn((resolve) => resolve(ANSWER))
  book.of(rows(1)[0], null)
  await answerAll()
  book.forget()
  book.of(rows(1)[0], null)
  await answerAll()
  assert.equal(asked.length, 2)
})
