import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isEhubError } from '../../../src/base/error.ts'
import { formatCount, formatElapsed, formatSize, parseRate, parseSize } from '../../../src/wire/events/units.ts'

const isUsage = (error: unknown) => isEhubError(error, 'usage')

test('sizes are bytes, decimal and binary units apart', () => {
  for (const [text, bytes] of [
    ['512', 512],
    ['512B', 512],
    ['64KiB', 65_536],
    ['64kib', 65_536],
    ['1MB', 1_000_000],
    ['1MiB', 1_048_576],
    ['1.5GB', 1_500_000_000],
  ] as const) {
    assert.equal(parseSize(text), bytes, text)
  }
  for (const text of ['', 'KB', '-1', '1 MB', '1XB', '1e6', '9999999TB'])
    assert.throws(() => parseSize(text), isUsage, text)
})

test('rates are events a second', () => {
  for (const [text, rate] of [
    ['100/s', 100],
    ['600/m', 10],
    ['3600/h', 1],
    ['0.5/s', 0.5],
  ] as const) {
    assert.equal(parseRate(text), rate, text)
  }
  for (const text of ['', '100', '0/s', '-1/s', '/s', '1/d']) assert.throws(() => parseRate(text), isUsage, text)
})

test('numbers are written for people', () => {
  assert.equal(formatCount(0), '0')
  assert.equal(formatCount(1000), '1,000')
  assert.equal(formatCount(1_234_567), '1,234,567')
  assert.equal(formatSize(0), '0 B')
  assert.equal(formatSize(840), '840 B')
  assert.equal(formatSize(1_200_000), '1.2 MB')
  assert.equal(formatSize(123_400_000), '123 MB')
  assert.equal(formatElapsed(410), '0.41 s')
  assert.equal(formatElapsed(12_340), '12.3 s')
  assert.equal(formatElapsed(200_000), '3m 20s')
  assert.equal(formatElapsed(7_260_000), '2h 1m')
})
