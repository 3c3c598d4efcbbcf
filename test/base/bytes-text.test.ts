import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatBytes } from '../../src/base/bytes-text.ts'

test('sizes are read in binary units', () => {
  assert.deepEqual([0, 1023, 1024, 1536, 150 * 1024, 5e9].map(formatBytes), [
    '0 B',
    '1023 B',
    '1.0 KiB',
    '1.5 KiB',
    '150 KiB',
    '4.7 GiB',
  ])
})
