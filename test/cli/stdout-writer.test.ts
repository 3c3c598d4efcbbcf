import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import { isEhubError } from '../../src/base/error.ts'
import { StdoutWriter } from '../../src/cli/stdout-writer.ts'

/** A reader that takes a write when told to. */
class SlowReader extends Writable {
  readonly pending: ((error?: Error | null) => void)[] = []

  constructor() {
    super({ highWaterMark: 1 })
  }

  override _write(_chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.pending.push(done)
  }

  async take(error?: Error): Promise<void> {
    this.pending.shift()?.(error ?? null)
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
}

const closedPipe = () => Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })

test('a write is complete when the reader has taken it', async () => {
  const reader = new SlowReader()
  const writer = new StdoutWriter(reader)
  const written: number[] = []
  writer.write('abc', () => void written.push(1))
  writer.write('defg', () => void written.push(2))
  assert.equal(writer.pendingBytes, 7)
  await reader.take()
  assert.deepEqual(written, [1])
  assert.equal(writer.pendingBytes, 4)
  const drained = writer.drained()
  await reader.take()
  await drained
  assert.deepEqual(written, [1, 2])
})

test('a reader that left is a silent end; what it did not take was not written', async () => {
  const reader = new SlowReader()
  const writer = new StdoutWriter(reader)
  const written: number[] = []
  writer.write('abc', () => void written.push(1))
  writer.write('def', () => void written.push(2))
  await reader.take(closedPipe())
  await writer.drained()
  assert.equal(writer.isClosed, true)
  assert.equal(writer.closedSignal.aborted, true)
  assert.equal(written.length, 0)
  writer.write('more', () => void written.push(3))
  assert.equal(written.length, 0)
})

test('any other failure is told', async () => {
  const reader = new SlowReader()
  const writer = new StdoutWriter(reader)
  writer.write('abc')
  await reader.take(Object.assign(new Error('no space left'), { code: 'ENOSPC' }))
  await assert.rejects(writer.drained(), (error) => isEhubError(error, 'disk-full'))
})

test('the error handling of the program is given back', () => {
  const reader = new SlowReader()
  const foreign = () => undefined
  reader.on('error', foreign)
  const writer = new StdoutWriter(reader)
  assert.equal(reader.listeners('error').includes(foreign), false)
  writer.dispose()
  assert.deepEqual(reader.listeners('error'), [foreign])
})
