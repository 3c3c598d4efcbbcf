import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EhubError, isEhubError } from '../../src/base/error.ts'
import { RetryPolicy } from '../../src/client/retry.ts'
import { SimClock } from '../sim/sim-clock.ts'
import { SimRandom } from '../sim/sim-random.ts'

const busy = (retryAfterMs?: number) =>
  new EhubError('server-busy', 'busy', retryAfterMs === undefined ? {} : { retryAfterMs })
const policy = (clock: SimClock, deadlineMs = 60_000) =>
  new RetryPolicy({ clock, random: new SimRandom(7), deadlineMs })

/** How long the policy waits before the next attempt. */
async function waited(clock: SimClock, attempt: Promise<void>): Promise<number> {
  const from = clock.monotonicMs()
  clock.runNext()
  await attempt
  return clock.monotonicMs() - from
}

test('waits double up to five seconds, each between half and the whole', async () => {
  const clock = new SimClock()
  const retry = policy(clock)
  for (const base of [100, 200, 400, 800, 1600, 3200, 5000, 5000]) {
    const ms = await waited(clock, retry.failed(busy()))
    assert.ok(ms >= base / 2 && ms <= base, `${ms} ms of ${base}`)
  }
})

test('a success starts afresh', async () => {
  const clock = new SimClock()
  const retry = policy(clock)
  for (let attempt = 0; attempt < 6; attempt += 1) await waited(clock, retry.failed(busy()))
  retry.succeeded()
  assert.ok((await waited(clock, retry.failed(busy()))) <= 100)
})

test('the peer’s own wait is kept', async () => {
  const clock = new SimClock()
  assert.equal(await waited(clock, policy(clock).failed(busy(4000))), 4000)
})

test('gives up with the error itself once the deadline would pass, and at once for what will not pass', async () => {
  const clock = new SimClock()
  const retry = policy(clock, 1000)
  const isBusy = (error: unknown) => isEhubError(error, 'server-busy')
  let attempts = 0
  await assert.rejects(async () => {
    for (; attempts < 50; attempts += 1) await waited(clock, retry.failed(busy()))
  }, isBusy)
  assert.ok(attempts > 2 && attempts < 10, `${attempts} attempts in a second`)
  const wrong = new EhubError('unauthorized', 'no')
  await assert.rejects(policy(clock).failed(wrong), (error) => error === wrong)
  const bug = new TypeError('bug')
  await assert.rejects(policy(clock).failed(bug), (error) => error === bug)
})

test('a daemon that is gone may be starting again', async () => {
  const clock = new SimClock()
  await waited(clock, policy(clock).failed(new EhubError('daemon-not-running', 'gone')))
})
