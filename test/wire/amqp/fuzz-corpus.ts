// What the fuzzer begins with: a session's frames, events and batches as clients send them.

import { ByteWriter } from '../../../src/base/byte-writer.ts'
import { encodeBatch } from '../../../src/wire/amqp/batch-envelope.ts'
import { writeFrame, writeHeartbeat, writeProtocolHeader, writeSasl } from '../../../src/wire/amqp/frame.ts'
import { encodeMessage } from '../../../src/wire/amqp/message.ts'
import type { PerformativeInput, SaslFrameInput } from '../../../src/wire/amqp/performatives.ts'
import {
  type AmqpValue,
  describedValue,
  intValue,
  listValue,
  longValue,
  mapValue,
  stringValue,
  symbolValue,
  ulongValue,
} from '../../../src/wire/amqp/types.ts'
import { eventOf, keyed } from './events.ts'

/** Mutants of the largest would be all a run does; they have their own test. */
const corpusBytesMax = 4096
export const bytesOf = (items: readonly { readonly bytes: Buffer }[]): Buffer[] =>
  items.map((item) => item.bytes).filter((bytes) => bytes.length <= corpusBytesMax)

export const goodValues: AmqpValue[] = [
  mapValue([
    [symbolValue('product'), stringValue('MSJSClient')],
    [symbolValue('com.microsoft:epoch'), longValue(7)],
  ]),
  listValue([intValue(1), listValue([stringValue('a'.repeat(300))]), { type: 'uuid', value: Buffer.alloc(16, 1) }]),
  { type: 'array', elementType: 'symbol', value: [symbolValue('ANONYMOUS'), symbolValue('PLAIN')] },
  describedValue(ulongValue(0x0000468c00000004n), stringValue("amqp.annotation.x-opt-offset > '-1'")),
]

export const goodPerformatives: PerformativeInput[] = [
  { kind: 'open', containerId: 'c', hostname: 'h', channelMax: 10, properties: [[symbolValue('a'), stringValue('b')]] },
  { kind: 'begin', nextOutgoingId: 1, incomingWindow: 2048, outgoingWindow: 2048 },
  {
    kind: 'attach',
    name: 'r',
    handle: 0,
    role: 'receiver',
    source: {
      address: 'hub/ConsumerGroups/$default/Partitions/0',
      filter: [[symbolValue('f'), goodValues[3] ?? intValue(0)]],
    },
    target: { address: 't' },
    desiredCapabilities: ['com.microsoft:enable-receiver-runtime-metric'],
  },
  {
    kind: 'flow',
    incomingWindow: 1,
    nextOutgoingId: 1,
    outgoingWindow: 1,
    handle: 0,
    deliveryCount: 0,
    linkCredit: 300,
  },
  {
    kind: 'transfer',
    handle: 0,
    deliveryId: 1,
    deliveryTag: Buffer.from('t'),
    messageFormat: 0,
    payload: eventOf('hi'),
  },
  { kind: 'disposition', role: 'receiver', first: 0, last: 9, settled: true, state: { kind: 'accepted' } },
  {
    kind: 'disposition',
    role: 'receiver',
    first: 1,
    state: { kind: 'rejected', error: { condition: 'a:b', info: [] } },
  },
  { kind: 'detach', handle: 0, closed: true, error: { condition: 'amqp:link:stolen', description: 'd' } },
  { kind: 'end' },
  { kind: 'close' },
]
export const goodSasl: SaslFrameInput[] = [
  { kind: 'sasl-mechanisms', mechanisms: ['MSSBCBS', 'ANONYMOUS'] },
  { kind: 'sasl-init', mechanism: 'PLAIN', initialResponse: Buffer.from('\0u\0p'), hostname: 'h' },
  { kind: 'sasl-outcome', code: 0 },
]

export const written = (write: (writer: ByteWriter) => unknown): Buffer => {
  const writer = new ByteWriter()
  write(writer)
  return writer.takeCopy()
}

export const goodStream = written((writer) => {
  writeProtocolHeader(writer, 3)
  for (const frame of goodSasl) writeSasl(writer, frame)
  writeProtocolHeader(writer, 0)
  for (const performative of goodPerformatives) writeFrame(writer, 1, performative)
  writeHeartbeat(writer)
})

export const goodEvents = [
  eventOf('hello'),
  eventOf('x'.repeat(400), [keyed('k'), [symbolValue('x-opt-offset'), stringValue('old')]]),
  encodeMessage({
    header: { durable: true },
    deliveryAnnotations: [[symbolValue('d'), intValue(1)]],
    messageAnnotations: [keyed('k')],
    properties: { messageId: stringValue('m'), contentType: 'text/plain' },
    applicationProperties: [[stringValue('a'), longValue(2n ** 62n)]],
    body: { kind: 'sequence', sections: [[intValue(1)], []] },
    footer: [[symbolValue('f'), intValue(1)]],
  }),
  encodeMessage({ body: { kind: 'value', value: goodValues[1] ?? intValue(0) } }),
]
export const goodBatches = [
  encodeBatch(goodEvents),
  encodeBatch(goodEvents, [keyed('k')]),
  encodeBatch([goodEvents[1] ?? Buffer.alloc(0)], [keyed('k')]),
]

export const goodSelectors = [
  "amqp.annotation.x-opt-offset > '123'",
  "x-opt-sequence-number >= '-1' AND x-opt-enqueued-time>@latest",
]
