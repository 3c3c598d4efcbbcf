import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32c } from '../../src/base/crc32c.ts'

test('the published vectors hold', () => {
  // RFC 3720 appendix B.4, and the check value of the CRC catalogues.
  const cases: readonly (readonly [string, Uint8Array, number])[] = [
    ['nothing', Buffer.alloc(0), 0],
    ['check value', Buffer.from('123456789'), 0xe3069283],
    ['32 zeros', Buffer.alloc(32), 0x8a9136aa],
    ['32 ones', Buffer.alloc(32, 0xff), 0x62a8ab43],
    ['32 rising', Buffer.from(Array.from({ length: 32 }, (_, index) => index)), 0x46dd794e],
    ['32 falling', Buffer.from(Array.from({ length: 32 }, (_, index) => 31 - index)), 0x113fdb5c],
  ]
  for (const [name, bytes, expected] of cases) assert.equal(crc32c(bytes), expected, name)
})

/** The definition, bit by bit. */
function slowCrc32c(bytes: Uint8Array): number {
  let remainder = ~0
  for (const byte of bytes) {
    remainder ^= byte
    for (let bit = 0; bit < 8; bit++) remainder = remainder & 1 ? (remainder >>> 1) ^ 0x82f63b78 : remainder >>> 1
  }
  return ~remainder >>> 0
}

test('every length and alignment agrees with the definition', () => {
  const bytes = Buffer.from(Array.from({ length: 300 }, (_, index) => (index * 197 + 13) & 255))
  for (let from = 0; from < 9; from++) {
    for (let to = from; to < bytes.length; to += 1 + (to >> 5)) {
      assert.equal(crc32c(bytes.subarray(from, to)), slowCrc32c(bytes.subarray(from, to)), `${from}..${to}`)
    }
  }
})

test('every length from the first that is folded on agrees with the definition', () => {
  // One bit at a time would hide nothing behind another; bytes that differ everywhere show a place that is missed.
  const bytes = Buffer.from(Array.from({ length: 1400 }, (_, index) => (index * 167 + (index >> 8) * 29 + 7) & 255))
  for (let length = 440; length <= bytes.length; length += length < 720 ? 1 : 37) {
    assert.equal(crc32c(bytes.subarray(0, length)), slowCrc32c(bytes.subarray(0, length)), `${length} bytes`)
  }
})

test('what one call left behind does not reach the next', () => {
  const long = Buffer.alloc(60_000, 0xff)
  const bytes = Buffer.from(Array.from({ length: 900 }, (_, index) => (index * 89) & 255))
  for (let length = 500; length <= bytes.length; length += 7) {
    crc32c(long)
    assert.equal(crc32c(bytes.subarray(0, length)), slowCrc32c(bytes.subarray(0, length)), `${length} bytes`)
  }
})

test('pieces give the checksum of the whole, also beyond the window of one call', () => {
  const bytes = Buffer.alloc(300_000)
  for (let at = 0; at < bytes.length; at++) bytes[at] = (at * 31) ^ (at >> 7)
  const whole = crc32c(bytes)
  assert.equal(whole, slowCrc32c(bytes))
  for (const cut of [0, 1, 15, 16, 511, 512, 48_063, 48_064, 48_065, 114_688, 299_999]) {
    assert.equal(crc32c(bytes.subarray(cut), crc32c(bytes.subarray(0, cut))), whole, `cut at ${cut}`)
  }
})
