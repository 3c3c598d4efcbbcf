import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { CaptureCheck } from '../../src/cli/capture-check.ts'
import { recordSelector } from '../../src/cli/capture-select.ts'
import { parsePositionSpec } from '../../src/wire/events/position.ts'
import { throwsCode } from '../wire/amqp/bytes.ts'
import { recordOf } from '../wire/capture/files.ts'

// Records 0..9: offset 256 apart, a millisecond apart.
const records = Array.from({ length: 10 }, (_, sequence) => recordOf(sequence))
const timeOf = (sequence: number) => `@${new Date(recordOf(sequence).enqueuedTimeMs).toISOString()}`

function selected(from: string | null, to: string | null, partition: number | null = 0): number[] {
  const spec = (text: string | null) => (text === null ? null : parsePositionSpec(text, 0))
  const select = recordSelector(spec(from), spec(to), partition)
  return records.filter((record) => select(record) === 'wanted').map(({ sequence }) => sequence)
}

describe('the range of records wanted', () => {
  const cases: readonly [string | null, string | null, number[]][] = [
    [null, null, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
    ['7', null, [7, 8, 9]],
    ['seq:>7', null, [8, 9]],
    [null, '2', [0, 1, 2]],
    ['off:2048', null, [8, 9]],
    ['off:>2048', null, [9]],
    [null, 'off:512', [0, 1, 2]],
    [timeOf(8), null, [8, 9]],
    [null, timeOf(2), [0, 1]],
    ['beginning', 'end', [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
    ['end', null, []],
    ['0=5,1=9', null, [5, 6, 7, 8, 9]],
    ['1=9', null, []],
  ]
  for (const [from, to, expected] of cases) {
    test(`${from ?? ''} to ${to ?? ''}`, () => assert.deepEqual(selected(from, to), expected))
  }
})

test('positions files know nothing of are refused', () => {
  for (const from of ['checkpoint', '-5', '+5']) throwsCode(() => selected(from, null), 'usage')
  throwsCode(() => selected('0=5', null, null), 'usage')
})

describe('what a check finds', () => {
  const found = (sequences: readonly number[]) => {
    const check = new CaptureCheck()
    check.beginFile('orders/0', 'a.avro')
    for (const sequence of sequences) check.record(recordOf(sequence))
    return check.problems.map(({ kind, sequence }) => `${kind} ${sequence}`)
  }
  const cases: readonly [readonly number[], readonly string[]][] = [
    [[0, 1, 2], []],
    [[5, 6], []],
    [[0, 2, 3], ['gap 2']],
    [[0, 1, 1, 2], ['duplicate 1']],
    [
      [0, 2, 1, 3],
      ['gap 2', 'order 1'],
    ],
  ]
  for (const [sequences, problems] of cases) {
    test(sequences.join(' '), () => assert.deepEqual(found(sequences), problems))
  }

  test('offsets and times that go back, and a gap between two files', () => {
    const check = new CaptureCheck()
    check.beginFile('orders/0', 'a.avro')
    check.record(recordOf(0))
    check.record({ ...recordOf(1), offset: '0' })
    check.beginFile('orders/1', 'c.avro')
    check.record(recordOf(0))
    check.beginFile('orders/0', 'b.avro')
    check.record({ ...recordOf(3), enqueuedTimeMs: 0 })
    assert.deepEqual(
      check.problems.map(({ kind, file }) => `${kind} in ${file}`),
      ['offset in a.avro', 'gap in b.avro', 'time in b.avro'],
    )
    assert.deepEqual(check.partitions(), [
      { name: 'orders/0', files: 2, events: 3, first: 0, last: 3 },
      { name: 'orders/1', files: 1, events: 1, first: 0, last: 0 },
    ])
  })
})
