import assert from 'node:assert/strict'
import { test } from 'node:test'
import { beginBatchAt } from '../../../src/daemon/broker/batch-begin.ts'
import type { Batch } from '../../../src/daemon/storage/storage-engine.ts'
import { batchOf, eventsIn } from './builders.ts'

for (const key of [null, 'shared']) {
  test(`a batch ${key === null ? 'without' : 'with'} shared annotations keeps its events as they are when it begins later`, () => {
    const { payload, count } = batchOf(['a', 'bb', 'x'.repeat(300), 'd'], key)
    const batch: Batch = {
      baseSequence: 100,
      baseOffset: 5000,
      count,
      enqueuedTimeMs: 7,
      encoding: 'amqp',
      payload,
      producer: null,
    }
    const all = eventsIn([batch])
    for (let skipped = 0; skipped < count; skipped++) {
      const begun = beginBatchAt(batch, 100 + skipped)
      assert.equal(begun.baseSequence, 100 + skipped)
      assert.equal(begun.count, count - skipped)
      assert.deepEqual(eventsIn([begun]), all.slice(skipped))
    }
    assert.equal(beginBatchAt(batch, 100), batch)
  })
}
