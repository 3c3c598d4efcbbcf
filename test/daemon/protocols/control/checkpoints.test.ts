import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isEhubError } from '../../../../src/base/error.ts'
import { controlHandlers, type DaemonFacts } from '../../../../src/daemon/protocols/control/operations.ts'
import { decodeRequest } from '../../../../src/wire/control/router.ts'
import { batchOf, openTestBroker, publishStored } from '../../broker/builders.ts'
import { fakeCapture, fakeLag } from './fake-broker.ts'

test('many checkpoints are set in one call, each done or refused for itself', async (t) => {
  const { broker, owner, ...rest } = await openTestBroker(t, {}, { partitionCount: 2 })
  for (const partition of ['0', '1']) {
    await publishStored({ broker, owner, ...rest }, batchOf(['a', 'b', 'c']), partition)
  }
  const calls: unknown[] = []
  const { setCheckpoints } = controlHandlers(broker, owner, {} as DaemonFacts, fakeLag(calls as never), fakeCapture)
  const { refused } = await setCheckpoints({
    ...{ hub: 'orders', group: '$Default', owner: 'me', isDeliberate: true },
    checkpoints: [
      { partition: 0, sequence: 1, offset: '7' },
      { partition: 1, sequence: 99 },
      { partition: 5, sequence: 0 },
      { partition: 1, sequence: 2 },
    ],
  })
  assert.deepEqual(
    refused.map(({ partition, code }) => [partition, code]),
    [
      [1, 'position-out-of-range'],
      [5, 'partition-not-found'],
    ],
  )
  assert.deepEqual(
    broker.checkpoints(owner, 'orders', '$Default').map((row) => [row.partition, row.sequence, row.offset, row.owner]),
    [
      [0, 1, 7, 'me'],
      [1, 2, 12, 'me'],
    ],
  )
})

test('a list of checkpoints is read field by field', () => {
  const params = new Map([
    ['hub', 'orders'],
    ['group', 'g'],
  ])
  const decode = (checkpoints: unknown) => decodeRequest('setCheckpoints', params, { checkpoints })
  assert.deepEqual(decode([{ partition: 0, sequence: 1, offset: '3', more: 1 }]).checkpoints, [
    { partition: 0, sequence: 1, offset: '3' },
  ])
  const tooMany = Array.from({ length: 5001 }, () => ({ partition: 0, sequence: 0 }))
  for (const wrong of [{}, [1], [{ partition: 0 }], [{ partition: 0, sequence: 0, offset: 3 }], tooMany]) {
    assert.throws(
      () => decode(wrong),
      (error) => isEhubError(error) && error.code === 'argument-error',
    )
  }
})
