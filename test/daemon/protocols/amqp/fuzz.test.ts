// Whole conversations, damaged: bytes changed, cut, repeated, spliced, in any chunks. Whatever comes, the server finds no bug
// in itself, and another connection goes on. A failure names its seed; `EHUB_FUZZ_SEED` runs that one alone and
// `EHUB_FUZZ_COUNT` as many as asked for.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Log, quietLog } from '../../../../src/base/log.ts'
import { encodeBatch } from '../../../../src/wire/amqp/batch-envelope.ts'
import { encodeMessage } from '../../../../src/wire/amqp/message.ts'
import { longValue, stringValue, symbolValue } from '../../../../src/wire/amqp/types.ts'
import { SimRandom } from '../../../sim/sim-random.ts'
import {
  attachSender,
  begin,
  credit,
  frameOf,
  headers,
  message,
  type RawServer,
  receiverAttach,
  senderAttach,
  startRawServer,
  transfer,
} from './raw-peer.ts'

const count = Number(process.env['EHUB_FUZZ_COUNT'] ?? 400)
const onlySeed = process.env['EHUB_FUZZ_SEED']

/** Everything a client does, as the bytes of its frames. */
function conversation(): readonly Buffer[] {
  const text = (value: string) => stringValue(value)
  const request = encodeMessage({
    properties: { messageId: text('1'), replyTo: 'me' },
    applicationProperties: [
      [text('operation'), text('READ')],
      [text('type'), text('com.microsoft:partition')],
      [text('name'), text('orders')],
      [text('partition'), text('0')],
    ],
  })
  const batch = encodeBatch([message('a'), message('b')], [[symbolValue('x-opt-partition-key'), text('k')]])
  const filter = {
    type: 'described',
    descriptor: longValue(1),
    value: text("amqp.annotation.x-opt-offset > '-1'"),
  } as const
  return [
    headers.amqp,
    frameOf(0, { kind: 'open', containerId: 'fuzz', hostname: 'localhost', idleTimeOut: 60_000 }),
    frameOf(0, begin),
    frameOf(0, senderAttach('orders', 0)),
    frameOf(0, transfer(0, message('single'))),
    frameOf(0, { ...transfer(1, batch), messageFormat: 0x80013700 } as never),
    frameOf(0, transfer(2, message('in parts').subarray(0, 6), true)),
    frameOf(0, transfer(2, message('in parts').subarray(6))),
    frameOf(0, {
      ...receiverAttach('orders/ConsumerGroups/$Default/Partitions/0', 1),
      source: {
        address: 'orders/ConsumerGroups/$Default/Partitions/0',
        filter: [[symbolValue('apache.org:selector-filter:string'), filter]],
      },
      properties: [[symbolValue('com.microsoft:epoch'), longValue(3)]],
      desiredCapabilities: ['com.microsoft:enable-receiver-runtime-metric'],
    } as never),
    frameOf(0, credit(3, { handle: 1 })),
    frameOf(0, credit(5, { handle: 1, drain: true, echo: true })),
    frameOf(0, senderAttach('$management', 2)),
    frameOf(0, receiverAttach('$management', 3)),
    frameOf(0, credit(2, { handle: 3 })),
    frameOf(0, transfer(3, request, false, 2)),
    frameOf(0, { kind: 'disposition', role: 'receiver', first: 0, last: 5, state: { kind: 'accepted' } }),
    frameOf(0, { kind: 'detach', handle: 0, closed: true }),
    frameOf(0, { kind: 'end' }),
    frameOf(0, { kind: 'close' }),
  ]
}

function damaged(frames: readonly Buffer[], random: SimRandom): Buffer {
  const picked = [...frames]
  for (let change = random.below(4); change > 0; change -= 1) {
    const at = random.below(picked.length)
    const other = picked[random.below(picked.length)] ?? Buffer.alloc(0)
    const frame = Buffer.from(picked[at] ?? [])
    switch (random.below(6)) {
      case 0:
        picked.splice(at, 1)
        break
      case 1:
        picked.splice(at, 0, other)
        break
      case 2:
        picked[at] = frame.subarray(0, random.below(frame.length + 1))
        break
      case 3:
        for (let byte = random.below(8) + 1; byte > 0 && frame.length > 0; byte -= 1) {
          frame[random.below(frame.length)] = random.below(256)
        }
        picked[at] = frame
        break
      case 4:
        // Behind the size, so that framing survives and what is inside is met.
        if (frame.length > 9) frame[8 + random.below(frame.length - 8)] = random.below(256)
        picked[at] = frame
        break
      default:
        picked[at] = Buffer.concat([frame.subarray(0, random.below(frame.length + 1)), other])
    }
  }
  return Buffer.concat(picked)
}

async function attack(server: RawServer, seed: number): Promise<void> {
  const random = new SimRandom(seed)
  const bytes = damaged(conversation(), random)
  const peer = server.connect(`10.1.${(seed >> 8) & 255}.${seed & 255}`)
  if (random.below(2) === 0) {
    // With rights: the conversation behind a PLAIN handshake.
    peer.write(headers.sasl)
    const initialResponse = Buffer.from(`\0RootManageSharedAccessKey\0${server.key}`)
    peer.sasl({ kind: 'sasl-init', mechanism: 'PLAIN', initialResponse })
  }
  for (let at = 0; at < bytes.length; ) {
    const length = 1 + random.below(random.below(4) === 0 ? 16 : 600)
    peer.write(bytes.subarray(at, at + length))
    at += length
    if (random.below(4) === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  await new Promise((resolve) => setImmediate(resolve))
  await new Promise((resolve) => setImmediate(resolve))
  peer.stream.destroy()
}

test('no damaged conversation finds a bug or disturbs a neighbour', async (t) => {
  const failures: unknown[] = []
  const log: Log = { ...quietLog, error: (text, fields) => failures.push([text, fields]), with: () => log }
  const server = await startRawServer(t, { log })
  const seeds = onlySeed === undefined ? Array.from({ length: count }, (_, index) => index) : [Number(onlySeed)]
  for (const seed of seeds) {
    await attack(server, seed)
    assert.deepEqual(failures, [], `EHUB_FUZZ_SEED=${seed}`)
    assert.deepEqual(server.bugs, [], `EHUB_FUZZ_SEED=${seed}`)
  }
  const bystander = await server.open()
  await attachSender(bystander, 'orders/Partitions/1')
  bystander.send(0, transfer(0, message('still here')))
  assert.equal((await bystander.expect('disposition')).state?.kind, 'accepted')
})
