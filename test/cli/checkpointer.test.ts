import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EhubError, isEhubError } from '../../src/base/error.ts'
import { Checkpointer, type CheckpointInterval, parseCheckpointInterval } from '../../src/cli/checkpointer.ts'
import { SimClock } from '../sim/sim-clock.ts'

function world(interval: CheckpointInterval) {
  const clock = new SimClock()
  const kept: string[] = []
  const failures: unknown[] = []
  let refusal: EhubError | null = null
  const checkpointer = new Checkpointer({
    clock,
    keep: async ({ partition, sequence }) => {
      if (refusal !== null) throw refusal
      kept.push(`${partition}:${sequence}`)
    },
    interval,
    onFailed: (error) => void failures.push(error),
  })
  const refuse = (error: EhubError | null) => {
    refusal = error
  }
  return { clock, kept, failures, checkpointer, refuse }
}

const mark = (partition: string, sequence: number) => ({ partition, sequence, offset: String(sequence * 10) })
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

test('every so many events, the latest of each partition', async () => {
  const { kept, checkpointer } = world({ events: 10, ms: null })
  checkpointer.written([mark('0', 3), mark('1', 5)], 9)
  await turn()
  assert.deepEqual(kept, [])
  checkpointer.written([mark('0', 4)], 1)
  await turn()
  assert.deepEqual(kept, ['0:4', '1:5'])
})

test('every so often, and the rest at the end', async () => {
  const { clock, kept, checkpointer } = world({ events: null, ms: 5000 })
  checkpointer.written([mark('0', 1)], 2)
  clock.advance(5000)
  await turn()
  assert.deepEqual(kept, ['0:1'])
  checkpointer.written([mark('0', 7)], 6)
  await checkpointer.finish()
  assert.deepEqual(kept, ['0:1', '0:7'])
  await checkpointer.finish()
  assert.deepEqual(kept, ['0:1', '0:7'])
})

test('a failure that passes is made good later, one that does not ends the reading', async () => {
  const { kept, failures, checkpointer, refuse } = world({ events: 1, ms: null })
  refuse(new EhubError('server-busy', 'busy'))
  checkpointer.written([mark('0', 1)], 1)
  await turn()
  assert.deepEqual([kept, failures], [[], []])
  refuse(null)
  checkpointer.written([mark('0', 2)], 1)
  await turn()
  assert.deepEqual(kept, ['0:2'])
  refuse(new EhubError('group-not-found', 'gone'))
  checkpointer.written([mark('0', 3)], 1)
  await turn()
  assert.equal(failures.length, 1)
  await assert.rejects(checkpointer.finish(), (error) => isEhubError(error, 'group-not-found'))
})

test('intervals are events or durations', () => {
  assert.deepEqual(parseCheckpointInterval('100'), { events: 100, ms: null })
  assert.deepEqual(parseCheckpointInterval('5s'), { events: null, ms: 5000 })
  for (const text of ['0', '0s', 'x', '']) {
    assert.throws(
      () => parseCheckpointInterval(text),
      (error) => isEhubError(error, 'usage'),
      text,
    )
  }
})

test('what was forgotten is not kept', async () => {
  const { kept, checkpointer } = world({ events: null, ms: 5000 })
  checkpointer.written([mark('0', 1), mark('1', 1)], 2)
  checkpointer.forget('0')
  await checkpointer.finish()
  assert.deepEqual(kept, ['1:1'])
})
