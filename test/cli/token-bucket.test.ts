import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TokenBucket } from '../../src/cli/token-bucket.ts'
import { SimClock } from '../sim/sim-clock.ts'

test('at most so many a second, evenly', () => {
  const clock = new SimClock()
  const bucket = new TokenBucket(clock, 100)
  let taken = 0
  for (let ms = 0; ms < 10_000; ms += 1) {
    clock.advance(1)
    while (bucket.take()) taken += 1
  }
  assert.ok(taken >= 999 && taken <= 1011, `${taken} in ten seconds`)
})

test('a pause is made up for by a tenth of a second at most', () => {
  const clock = new SimClock()
  const bucket = new TokenBucket(clock, 100)
  clock.advance(60_000)
  let taken = 0
  while (bucket.take()) taken += 1
  assert.equal(taken, 10)
})

test('waiting ends with a token, or without one when it is aborted', async () => {
  const clock = new SimClock()
  const bucket = new TokenBucket(clock, 1)
  assert.equal(bucket.take(), true)
  const waiting = bucket.taken(new AbortController().signal)
  clock.advance(1000)
  await waiting
  const controller = new AbortController()
  const aborted = bucket.taken(controller.signal)
  controller.abort()
  await aborted
})
