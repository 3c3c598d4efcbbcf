// Events with keys for the simulation of compaction: the body says who they are, an empty one is a delete marker.

import { ByteWriter } from '../../src/base/byte-writer.ts'
import { PayloadReader } from '../../src/wire/amqp/batch-payload.ts'
import { bodyData, decodeMessage, writeDataSection, writeMessage } from '../../src/wire/amqp/message.ts'
import { mapEntry, stringValue, symbolValue, textOf } from '../../src/wire/amqp/types.ts'

const keyName = 'x-opt-partition-key'

export interface KeyedEvent {
  readonly key: string | null
  /** Empty: a delete marker, when there is a key. */
  readonly body: string
}

export function keyedPayload({ key, body }: KeyedEvent): Buffer {
  const message = new ByteWriter(100)
  writeMessage(message, {
    messageAnnotations: key === null ? null : [[symbolValue(keyName), stringValue(key)]],
    body: { kind: 'data', sections: [Buffer.from(body)] },
  })
  const writer = new ByteWriter(200)
  writeDataSection(writer, message.takeCopy())
  return writer.takeCopy()
}

/** The events of a stored payload, in order. */
export function keyedEventsOf(payload: Buffer): readonly KeyedEvent[] {
  const reader = new PayloadReader()
  const events: KeyedEvent[] = []
  reader.open(payload)
  while (reader.next()) {
    const message = decodeMessage(payload, reader.messageStart, reader.messageEnd)
    const key = textOf(mapEntry(message.messageAnnotations, keyName))
    events.push({ key, body: bodyData(message)?.toString() ?? '' })
  }
  return events
}
