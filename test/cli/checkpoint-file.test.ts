import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isEhubError } from '../../src/base/error.ts'
import { formatCheckpoints, parseCheckpoints } from '../../src/cli/checkpoint-file.ts'

const checkpoint = (partition: number, sequence: number) => ({
  hub: 'orders',
  group: 'g',
  partition,
  store: '$daemon',
  sequence,
  offset: String(10 * sequence),
  enqueuedTimeMs: null,
  owner: null,
  updatedAtMs: 1,
  etag: '1',
})

test('what was exported is imported', () => {
  const text = formatCheckpoints('orders', 'g', [checkpoint(0, 7), checkpoint(3, 0)])
  assert.deepEqual(JSON.parse(text), {
    hub: 'orders',
    group: 'g',
    checkpoints: [
      { partition: 0, sequence: 7, offset: '70' },
      { partition: 3, sequence: 0, offset: '0' },
    ],
  })
  assert.deepEqual(
    [...parseCheckpoints(text, 'f')],
    [
      [0, 7],
      [3, 0],
    ],
  )
})

for (const text of [
  '',
  '[]',
  '{"checkpoints":{}}',
  '{"checkpoints":[1]}',
  '{"checkpoints":[{"partition":0}]}',
  '{"checkpoints":[{"partition":0,"sequence":-2}]}',
  '{"checkpoints":[{"partition":0,"sequence":"1"}]}',
  '{"checkpoints":[{"partition":0,"sequence":1},{"partition":0,"sequence":2}]}',
]) {
  test(`${text === '' ? 'an empty file' : text} is refused`, () => {
    assert.throws(
      () => parseCheckpoints(text, 'f'),
      (error) => isEhubError(error, 'argument-error'),
    )
  })
}
