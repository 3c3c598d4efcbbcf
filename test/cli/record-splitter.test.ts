import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isEhubError } from '../../src/base/error.ts'
import { RecordSplitter } from '../../src/cli/record-splitter.ts'

/** Records of the text fed in pieces; `!` for one that was refused. */
function split(text: string, delimiter: string, cuts: readonly number[], recordBytesMax = 1000): string[] {
  const splitter = new RecordSplitter(Buffer.from(delimiter), recordBytesMax)
  const records: string[] = []
  const drain = (next: () => boolean) => {
    for (;;) {
      try {
        if (!next()) return
        records.push(splitter.buffer.toString('latin1', splitter.start, splitter.end))
      } catch (error) {
        assert.ok(isEhubError(error, 'event-too-large'))
        records.push('!')
      }
    }
  }
  const bounds = [0, ...cuts.map((cut) => cut % (text.length + 1)).sort((a, b) => a - b), text.length]
  for (let i = 1; i < bounds.length; i += 1) {
    splitter.feed(Buffer.from(text.slice(bounds[i - 1], bounds[i]), 'latin1'))
    drain(() => splitter.next())
  }
  drain(() => splitter.finish())
  assert.equal(splitter.count, records.length)
  return records
}

test('lines, with and without a last newline, empty ones too', () => {
  assert.deepEqual(split('a\nbc\n\nd', '\n', []), ['a', 'bc', '', 'd'])
  assert.deepEqual(split('a\n', '\n', []), ['a'])
  assert.deepEqual(split('\n', '\n', []), [''])
  assert.deepEqual(split('', '\n', []), [])
})

test('the cut of the chunks makes no difference', () => {
  const delimiters = fc.constantFrom('\n', '\0', '||', 'aba')
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '|', '\n', '\0'), maxLength: 60 })
  fc.assert(
    fc.property(text, delimiters, fc.array(fc.nat(60), { maxLength: 6 }), (whole, delimiter, cuts) => {
      const expected = whole.split(delimiter)
      if (expected.at(-1) === '') expected.pop()
      assert.deepEqual(split(whole, delimiter, cuts), expected)
    }),
    { numRuns: 1000 },
  )
})

test('a record that is too long is refused once, wherever it is cut, and the next is found', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(60), { maxLength: 6 }), (cuts) => {
      assert.deepEqual(split(`ok\n${'x'.repeat(30)}\nfine\n`, '\n', cuts, 10), ['ok', '!', 'fine'])
      assert.deepEqual(split(`ok||${'x'.repeat(30)}||fine||`, '||', cuts, 10), ['ok', '!', 'fine'])
      assert.deepEqual(split(`ok\n${'x'.repeat(30)}`, '\n', cuts, 10), ['ok', '!'])
    }),
  )
})
