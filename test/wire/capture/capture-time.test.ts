import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatEnqueuedTime, parseEnqueuedTime } from '../../../src/wire/capture/capture-time.ts'
import { decimalText } from '../../../src/wire/capture/decimal-text.ts'
import { hex } from '../amqp/bytes.ts'

const cases: readonly [string, string][] = [
  ['2022-12-09T16:51:25.193Z', '12/9/2022 4:51:25 PM'],
  ['2021-10-28T03:15:38.000Z', '10/28/2021 3:15:38 AM'],
  ['2026-01-01T00:00:00.000Z', '1/1/2026 12:00:00 AM'],
  ['2026-01-01T12:05:09.999Z', '1/1/2026 12:05:09 PM'],
  ['2026-01-01T23:59:59.000Z', '1/1/2026 11:59:59 PM'],
]
for (const [iso, text] of cases) {
  test(text, () => {
    assert.equal(formatEnqueuedTime(Date.parse(iso)), text)
    assert.equal(parseEnqueuedTime(text), Math.floor(Date.parse(iso) / 1000) * 1000)
  })
}

test('every whole second comes back', () => {
  fc.assert(
    fc.property(fc.integer({ min: -62_135_596_800, max: 253_402_300_799 }), (seconds) => {
      assert.equal(parseEnqueuedTime(formatEnqueuedTime(seconds * 1000)), seconds * 1000)
    }),
  )
})

test('a narrow blank in front of PM, and ISO 8601, are times too; other texts are none', () => {
  assert.equal(parseEnqueuedTime('12/9/2022 4:51:25\u202fPM'), Date.UTC(2022, 11, 9, 16, 51, 25))
  assert.equal(parseEnqueuedTime('2022-12-09T16:51:25.5Z'), Date.UTC(2022, 11, 9, 16, 51, 25, 500))
  for (const text of ['', '2/30/2022 4:51:25 PM', '13/1/2022 4:51:25 PM', '1/1/2022 13:00:00 PM', '9.12.2022']) {
    assert.equal(parseEnqueuedTime(text), null, text)
  }
})

test('decimals of all three widths, in the binary integer encoding', () => {
  const texts: readonly [string, string][] = [
    ['32 00 00 0f', '1.5'],
    ['b2 00 00 0f', '-1.5'],
    ['32 80 00 07', '7'],
    ['33 80 00 07', '7E+2'],
    ['78 00 00 00', 'Infinity'],
    ['f8 00 00 00', '-Infinity'],
    ['7c 00 00 00', 'NaN'],
    ['31 c0 00 00 00 00 00 2a', '42'],
    ['30 40 00 00 00 00 00 00 00 00 00 00 00 00 00 2a', '42'],
    ['30 3c 00 00 00 00 00 00 00 00 00 00 00 00 00 01', '0.01'],
  ]
  for (const [bytes, text] of texts) assert.equal(decimalText(hex(bytes)), text)
})
