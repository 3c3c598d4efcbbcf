import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Permits } from '../../src/base/permits.ts'

test('never more run than there are permits, in the order they came, also when one fails', async () => {
  const permits = new Permits(2)
  const ends: (() => void)[] = []
  const order: number[] = []
  let running = 0
  let most = 0
  const runs = [0, 1, 2, 3, 4].map((number) =>
    permits.run(async () => {
      order.push(number)
      most = Math.max(most, ++running)
      await new Promise<void>((resolve) => ends.push(resolve))
      running -= 1
      if (number === 1) throw new Error('one fails')
    }),
  )
  const settled = Promise.allSettled(runs)
  for (let i = 0; i < 5; i++) {
    for (let turn = 0; turn < 10; turn++) await Promise.resolve()
    ends[i]?.()
  }
  const failed = (await settled).map(({ status }) => status === 'rejected')
  assert.deepEqual(order, [0, 1, 2, 3, 4])
  assert.equal(most, 2)
  assert.deepEqual(failed, [false, true, false, false, false])
})
