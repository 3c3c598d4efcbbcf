import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { putDecimal, putInt64, putUint32, uint32At } from '../../../src/wire/amqp/numbers.ts'

const out = Buffer.alloc(24)

test('32 bits are written and read as Buffer does', () => {
  fc.assert(
    fc.property(fc.nat(0xffffffff), (value) => {
      putUint32(out, 3, value)
      assert.equal(out.readUInt32BE(3), value)
      assert.equal(uint32At(out, 3), value)
    }),
  )
})

test('safe integers of either sign are written in 64 bits as Buffer does', () => {
  const edges = [0, -1, 1, 2 ** 32 - 1, 2 ** 32, -(2 ** 32), Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]
  fc.assert(
    fc.property(fc.oneof(fc.constantFrom(...edges), fc.maxSafeInteger()), (value) => {
      putInt64(out, 5, value)
      assert.equal(out.readBigInt64BE(5), BigInt(value))
    }),
  )
})

test('decimal digits are those of the number, no more', () => {
  const edges = [0, 9, 10, 99_999_999, 100_000_000, 999_999_999, 1_000_000_000_000_000, Number.MAX_SAFE_INTEGER]
  fc.assert(
    fc.property(fc.oneof(fc.constantFrom(...edges), fc.maxSafeNat(), fc.nat()), (value) => {
      out.fill(0xee)
      const digits = putDecimal(out, 2, value)
      assert.equal(out.toString('latin1', 2, 2 + digits), String(value))
      assert.equal(out[2 + digits], 0xee)
    }),
  )
})
