import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EhubError, isEhubError } from '../../src/base/error.ts'
import type { EncodedBatch } from '../../src/cli/send-batch.ts'
import { SendPipeline, type SendPipelineOptions } from '../../src/cli/send-pipeline.ts'
import type { SenderLink } from '../../src/client/amqp-client.ts'
import { BatchEnvelope } from '../../src/wire/amqp/batch-envelope.ts'
import { encodeMessage } from '../../src/wire/amqp/message.ts'
import { partitionOfKey } from '../../src/wire/partition-key.ts'
import { SimClock } from '../sim/sim-clock.ts'
import { SimRandom } from '../sim/sim-random.ts'

const none = Buffer.alloc(0)
const busy = () => new EhubError('server-busy', 'busy')

/** A peer that answers when told to. */
class Peer {
  readonly sent: { partition: string | null; message: Buffer; settle: (error: EhubError | null) => void }[] = []
  opened = 0
  #detach: (error: EhubError) => void = () => undefined

  open = async (partition: string | null): Promise<SenderLink> => {
    this.opened += 1
    return {
      messageBytesMax: 1000,
      send: (message, _format, settle) => void this.sent.push({ partition, message, settle }),
      onDetached: (run) => {
        this.#detach = run
      },
      close: () => undefined,
    }
  }

  detach(error: EhubError): void {
    this.#detach(error)
    for (const { settle } of this.sent.splice(0)) settle(error)
  }

  texts(): string[] {
    return this.sent.map(({ message }) => message.toString('latin1').slice(5))
  }
}

interface World {
  readonly clock: SimClock
  readonly peer: Peer
  readonly accepted: EncodedBatch[]
  readonly refused: EncodedBatch[]
  readonly pipeline: SendPipeline
}

async function world(more: Partial<SendPipelineOptions> = {}): Promise<World> {
  const clock = new SimClock()
  const peer = new Peer()
  const accepted: EncodedBatch[] = []
  const refused: EncodedBatch[] = []
  const pipeline = await SendPipeline.open({
    clock,
    random: new SimRandom(1),
    openSender: peer.open,
    partition: null,
    key: null,
    partitionIds: null,
    limits: { batchBytes: 500, batchCount: 1 },
    lingerMs: 10,
    deadlineMs: 60_000,
    keepsNumbers: false,
    onAccepted: (batch) => void accepted.push(batch),
    onRefused: (batch) => void refused.push(batch),
    onRetry: () => undefined,
    ...more,
  })
  return { clock, peer, accepted, refused, pipeline }
}

const add = (pipeline: SendPipeline, text: string, number: number) => {
  const body = Buffer.from(text)
  pipeline.add(none, body, 0, body.length, number)
}
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

test('several batches are on their way at once, in order', async () => {
  const { peer, pipeline, accepted } = await world()
  for (let number = 1; number <= 6; number += 1) add(pipeline, String(number), number)
  assert.deepEqual(peer.texts(), ['1', '2', '3', '4'])
  peer.sent[0]?.settle(null)
  assert.deepEqual(peer.texts(), ['1', '2', '3', '4', '5'])
  for (let at = 1; at < 6; at += 1) peer.sent[at]?.settle(null)
  await pipeline.finish()
  assert.deepEqual(
    accepted.map(({ firstNumber }) => firstNumber),
    [1, 2, 3, 4, 5, 6],
  )
})

test('what lingers leaves without being full', async () => {
  const { clock, peer, pipeline } = await world({ limits: { batchBytes: 500, batchCount: 100 } })
  add(pipeline, 'a', 1)
  add(pipeline, 'b', 2)
  assert.equal(peer.sent.length, 0)
  clock.advance(10)
  assert.equal(peer.sent.length, 1)
})

test('what failed for a while goes again, in order, once the others have settled', async () => {
  const { clock, peer, pipeline, accepted } = await world()
  for (let number = 1; number <= 5; number += 1) add(pipeline, String(number), number)
  const first = peer.sent.splice(0)
  first[1]?.settle(busy())
  first[0]?.settle(null)
  first[3]?.settle(busy())
  assert.deepEqual(peer.texts(), [])
  first[2]?.settle(null)
  await turn()
  clock.advance(10_000)
  await turn()
  assert.deepEqual(peer.texts(), ['2', '4', '5'])
  assert.equal(peer.opened, 1)
  for (const { settle } of peer.sent) settle(null)
  await pipeline.finish()
  assert.equal(accepted.length, 5)
})

test('a lost link is opened anew and everything unsettled goes again', async () => {
  const { clock, peer, pipeline, accepted } = await world()
  for (let number = 1; number <= 5; number += 1) add(pipeline, String(number), number)
  peer.detach(new EhubError('connect-failed', 'gone'))
  await turn()
  clock.advance(10_000)
  await turn()
  assert.equal(peer.opened, 2)
  assert.deepEqual(peer.texts(), ['1', '2', '3', '4'])
  for (const { settle } of peer.sent.slice()) settle(null)
  for (const { settle } of peer.sent.slice(4)) settle(null)
  await pipeline.finish()
  assert.equal(accepted.length, 5)
})

test('after the deadline the pipeline gives up with the last error', async () => {
  const { clock, peer, pipeline } = await world({ deadlineMs: 1000 })
  add(pipeline, 'a', 1)
  const finishing = assert.rejects(pipeline.finish(), (error) => isEhubError(error, 'server-busy'))
  for (let attempt = 0; attempt < 20; attempt += 1) {
    peer.sent.splice(0).forEach(({ settle }) => settle(busy()))
    await turn()
    clock.advance(500)
    await turn()
  }
  await finishing
})

test('what is refused for good is dropped and told, the rest goes on', async () => {
  const { peer, pipeline, accepted, refused } = await world()
  add(pipeline, 'a', 1)
  add(pipeline, 'b', 2)
  peer.sent[0]?.settle(new EhubError('event-too-large', 'too large'))
  peer.sent[1]?.settle(null)
  await pipeline.finish()
  assert.deepEqual(
    refused.map(({ firstNumber }) => firstNumber),
    [1],
  )
  assert.deepEqual(
    accepted.map(({ firstNumber }) => firstNumber),
    [2],
  )
})

test('keys of events choose partitions as the service does; one key of all leaves it to the service', async () => {
  const ids = ['0', '1', '2', '3']
  const { peer, pipeline } = await world({ partitionIds: ids, key: 'all', limits: { batchBytes: 500, batchCount: 2 } })
  const message = encodeMessage({ body: { kind: 'data', sections: [Buffer.from('x')] } })
  for (const key of ['7', 'alphabet', '7', 'alphabet', null, null]) pipeline.addMessage(message, 1, key, 1)
  await turn()
  const expected = ['7', 'alphabet'].map((key) => String(partitionOfKey(key, 4)))
  assert.deepEqual(new Set(peer.sent.map(({ partition }) => partition)), new Set([null, ...expected]))
  const keyOf = (payload: Buffer) => {
    const envelope = new BatchEnvelope()
    envelope.read(payload, 0, payload.length)
    return envelope.annotations.partitionKey(payload)
  }
  for (const { partition, message: sent } of peer.sent) assert.equal(keyOf(sent), partition === null ? 'all' : null)
})

test('memory is bounded: the pipeline says when to wait', async () => {
  const { peer, pipeline } = await world()
  const big = Buffer.alloc(900)
  let number = 0
  while (pipeline.isWritable && number < 100_000) pipeline.add(none, big, 0, big.length, ++number)
  assert.ok(number < 10_000, `${number} batches were taken`)
  const room = pipeline.whenWritable()
  peer.sent[0]?.settle(null)
  await room
})

test('what was gathered and not sent can be forgotten', async () => {
  const { peer, pipeline } = await world({ limits: { batchBytes: 500, batchCount: 100 } })
  add(pipeline, 'a', 4)
  add(pipeline, 'b', 5)
  assert.equal(pipeline.discard(), 4)
  await pipeline.finish()
  assert.equal(peer.sent.length, 0)
  assert.equal(pipeline.discard(), null)
})
