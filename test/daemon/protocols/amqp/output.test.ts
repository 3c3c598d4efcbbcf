import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Output, OutputPool } from '../../../../src/daemon/protocols/amqp/output.ts'
import type { Transport } from '../../../../src/daemon/protocols/amqp/transport.ts'

class SlowTransport implements Transport {
  readonly remoteAddress = 'test'
  pendingBytes = 0
  isSlow = false
  readonly writes: Buffer[] = []
  start(): void {}
  pause(): void {}
  resume(): void {}
  end(): void {}
  destroy(): void {}
  write(bytes: Buffer): void {
    this.writes.push(bytes)
    if (this.isSlow) this.pendingBytes += bytes.length
  }
}

function encode(output: Output, bytes: number, value: number): void {
  output.reserve(bytes)
  output.chunk.fill(value, output.position, output.position + bytes)
  output.position += bytes
}

test('many frames leave in one write', () => {
  const transport = new SlowTransport()
  const output = new Output(transport, new OutputPool())
  for (let i = 0; i < 100; i += 1) encode(output, 1000, i)
  output.flush()
  assert.deepEqual(
    transport.writes.map((write) => write.length),
    [100_000],
  )
  output.flush()
  assert.equal(transport.writes.length, 1)
})

test('a buffer is not written over while the transport holds it', () => {
  const transport = new SlowTransport()
  transport.isSlow = true
  const output = new Output(transport, new OutputPool())
  encode(output, 20_000, 1)
  output.flush()
  assert.ok(output.isBlocked)
  encode(output, 20_000, 2)
  assert.ok(transport.writes[0]?.every((byte) => byte === 1))
  transport.pendingBytes = 0
  output.released()
  assert.ok(!output.isBlocked)
})

test('small writes do not keep a buffer each, but many of them count as slow', () => {
  const transport = new SlowTransport()
  transport.isSlow = true
  const output = new Output(transport, new OutputPool())
  encode(output, 1000, 1)
  const { chunk } = output
  output.flush()
  assert.equal(output.chunk, chunk)
  assert.ok(!output.isBlocked)
  for (let i = 0; i < 100; i += 1) {
    encode(output, 1000, i)
    output.flush()
  }
  assert.ok(output.isBlocked)
})

test('an output at rest owns no buffer and a buffer larger than the pool ones is possible', () => {
  const pool = new OutputPool()
  const output = new Output(new SlowTransport(), pool)
  encode(output, 10, 1)
  output.flush()
  const { chunk } = output
  output.rest()
  assert.equal(output.chunk.length, 0)
  encode(output, 10, 1)
  assert.equal(output.chunk, chunk)
  encode(output, 1_000_000, 1)
  assert.ok(output.chunk.length >= 1_000_000)
})

test('heartbeats are needed only when nothing was sent', () => {
  const output = new Output(new SlowTransport(), new OutputPool())
  assert.ok(!output.takeHasSent())
  encode(output, 10, 1)
  output.flush()
  assert.ok(output.takeHasSent())
  assert.ok(!output.takeHasSent())
})
