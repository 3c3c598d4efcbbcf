// The SDK's consumer with its blob checkpoint store, both unmodified, in processes of their own, against hubs and blobs of one
// broker: they share the partitions, one is killed, the others go on where it was.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { openProcessors } from '../processors.ts'

const partitionCount = 8

for (const strategy of ['balanced', 'greedy'] as const) {
  test(`two ${strategy} processors share 8 partitions, and one takes over when the other is killed`, async (t) => {
    const opened = await openProcessors(t, { partitionCount, strategy })
    const { transcript, start, sendToAll, allHave, lag, checkpoints, owners } = opened
    await sendToAll()
    const one = start('one')
    await transcript.until(() => transcript.countOf('one') === partitionCount)
    start('two')
    await transcript.until(() => transcript.countOf('one') === 4 && transcript.countOf('two') === 4)

    await sendToAll()
    await allHave(3)
    // Said after each checkpoint was written.
    assert.deepEqual(
      checkpoints().map(({ store, partition, sequence }) => [store, partition, sequence]),
      Array.from({ length: partitionCount }, (_, index) => ['checkpoints', index, 3]),
    )
    assert.deepEqual(
      (await lag()).map((row) => [row.checkpoint, row.lag]),
      Array.from({ length: partitionCount }, () => [3, 0]),
    )
    assert.equal(owners().length, partitionCount)
    assert.equal(new Set(owners().map((row) => row.owner)).size, 2)

    one.kill('SIGKILL')
    await once(one, 'exit')
    await sendToAll()
    await transcript.until(() => transcript.countOf('two') === partitionCount)
    await allHave(5)
    assert.deepEqual(
      (await lag()).map((row) => [row.checkpoint, row.lag]),
      Array.from({ length: partitionCount }, () => [5, 0]),
    )
    // Everybody went on behind what was checkpointed: nothing was left out, and nothing came in another order.
    for (const seen of transcript.events.values()) {
      assert.deepEqual([...new Set(seen)], [0, 1, 2, 3, 4, 5])
    }
  })
}

test('a processor that ends gives its partitions back, and a moved checkpoint is where the next one begins', async (t) => {
  const opened = await openProcessors(t, { partitionCount, strategy: 'greedy' })
  const { broker, owner, transcript, start, sendToAll, allHave, checkpoints, owners } = opened
  await sendToAll()
  const one = start('one')
  await transcript.until(() => transcript.countOf('one') === partitionCount)
  await allHave(1)
  one.stdin?.end()
  await once(one, 'exit')
  assert.deepEqual(
    owners().map((row) => row.owner),
    Array.from({ length: partitionCount }, () => null),
  )
  const before = checkpoints()[3]
  await broker.setCheckpoint(owner, 'orders', 'billing', 3, { sequence: 0, ifMatch: before?.etag ?? null })
  transcript.events.clear()
  start('two')
  await transcript.until(() => transcript.events.get('3')?.includes(1) === true)
  assert.deepEqual(transcript.events.get('3'), [1])
  assert.equal(checkpoints()[3]?.sequence, 1)
})
