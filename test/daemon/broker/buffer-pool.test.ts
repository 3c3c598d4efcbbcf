import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BufferPool } from '../../../src/daemon/broker/buffer-pool.ts'

test('a buffer given back is the next one taken', () => {
  const pool = new BufferPool(1 << 20)
  const buffer = pool.take(1000)
  assert.ok(buffer.length >= 1000)
  pool.give(buffer)
  assert.equal(pool.take(1000), buffer)
  assert.notEqual(pool.take(1000), buffer)
})

test('what is larger than any class is made for this one use', () => {
  const pool = new BufferPool(1 << 30)
  const buffer = pool.take(5_000_000)
  assert.equal(buffer.length, 5_000_000)
  pool.give(buffer)
  assert.notEqual(pool.take(5_000_000), buffer)
})

test('no more than the bound is kept', () => {
  const pool = new BufferPool(3000)
  const [one, other] = [pool.take(1), pool.take(1)]
  pool.give(one)
  pool.give(other)
  assert.equal(pool.take(1), one)
  assert.notEqual(pool.take(1), other)
})
