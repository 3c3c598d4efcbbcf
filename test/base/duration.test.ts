import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { formatDuration, parseDuration } from '../../src/base/duration.ts'

describe('durations', () => {
  const right: readonly (readonly [string, number])[] = [
    ['500ms', 500],
    ['1.5s', 1500],
    ['10s', 10_000],
    ['5m', 300_000],
    ['2h30m', 9_000_000],
    ['7d', 604_800_000],
    ['1m1ms', 60_001],
    ['0s', 0],
  ]
  for (const [text, ms] of right) test(`${text} is ${ms} ms`, () => assert.equal(parseDuration(text), ms))

  for (const text of ['', '10', 's', '5x', '1s1m', '-1s', '1m 1s', '1e3s', '9'.repeat(30) + 'd']) {
    test(`"${text}" is none`, () => assert.throws(() => parseDuration(text), { code: 'usage' }))
  }

  test('people read them in two units', () => {
    assert.deepEqual([0, 999, 61_000, 7_265_000, 273_600_000].map(formatDuration), [
      '0s',
      '0s',
      '1m 1s',
      '2h 1m',
      '3d 4h',
    ])
  })
})
