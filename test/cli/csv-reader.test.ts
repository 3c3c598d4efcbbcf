import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { CsvReader, type CsvRow } from '../../src/cli/csv-reader.ts'
import { throwsCode } from '../wire/amqp/bytes.ts'

function rowsOf(text: string, piece = text.length): CsvRow[] {
  const reader = new CsvReader(1000)
  const rows: CsvRow[] = []
  for (let at = 0; at < text.length; at += Math.max(1, piece)) rows.push(...reader.push(text.slice(at, at + piece)))
  return [...rows, ...reader.finish()]
}

describe('rows', () => {
  const cases: readonly [string, CsvRow[]][] = [
    [
      'a,b\r\n1,2\r\n',
      [
        ['a', 'b'],
        ['1', '2'],
      ],
    ],
    [
      'a,b\n1,2',
      [
        ['a', 'b'],
        ['1', '2'],
      ],
    ],
    ['a,,c\n', [['a', null, 'c']]],
    ['"",x\n', [['', 'x']]],
    ['"a ""quoted"" b",x\n', [['a "quoted" b', 'x']]],
    ['"two\r\nlines",x\r\n', [['two\r\nlines', 'x']]],
    ['\n\na\n\n', [['a']]],
    ['"a,b"', [['a,b']]],
    ['ä,😀\n', [['ä', '😀']]],
  ]
  for (const [text, rows] of cases) {
    test(JSON.stringify(text), () => {
      for (const piece of [1, 2, 3, text.length]) assert.deepEqual(rowsOf(text, piece), rows)
    })
  }
})

test('what is written as CSV comes back, cut anywhere', () => {
  const cell = fc.option(fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', ' ', 'ä') }), { nil: null })
  fc.assert(
    fc.property(
      fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { maxLength: 5 }),
      fc.nat(5),
      (rows, piece) => {
        const quoted = (text: string | null) => (text === null ? '' : `"${text.replaceAll('"', '""')}"`)
        const text = rows.map((row) => `${row.map(quoted).join(',')}\r\n`).join('')
        assert.deepEqual(rowsOf(text, piece + 1), rows)
      },
    ),
  )
})

test('misquoted and endless rows are refused', () => {
  for (const text of ['a"b,c\n', '"a', `${'x'.repeat(1001)}\n`]) throwsCode(() => rowsOf(text), 'argument-error')
})
