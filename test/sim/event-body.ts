// Events that say who sent them and whether they came through unharmed, as stored payloads of encoding `amqp`: data
// sections `00 53 75 a0 len …` around messages whose only section is the body. docs/FORMAT.md, "amqp" encoding.

import { crc32 } from 'node:zlib'

export interface EventName {
  readonly producer: number
  readonly number: number
}

const headerBytes = 12

function section(content: Buffer): Buffer {
  return content.length < 256
    ? Buffer.concat([Buffer.from([0x00, 0x53, 0x75, 0xa0, content.length]), content])
    : Buffer.concat([Buffer.from([0x00, 0x53, 0x75, 0xb0, 0, 0, content.length >> 8, content.length & 0xff]), content])
}

/** @param padding 0..60,000 bytes after the name. */
export function eventBody({ producer, number }: EventName, padding: number): Buffer {
  const body = Buffer.alloc(headerBytes + padding, producer * 31 + number)
  body.writeUInt32LE(producer, 0)
  body.writeUInt32LE(number, 4)
  body.writeUInt32LE(0, 8)
  body.writeUInt32LE(crc32(body), 8)
  return body
}

/** null: these are not bytes of ours. */
export function readEventBody(body: Buffer): (EventName & { readonly isIntact: boolean }) | null {
  if (body.length < headerBytes) return null
  const copy = Buffer.from(body)
  copy.writeUInt32LE(0, 8)
  return {
    producer: body.readUInt32LE(0),
    number: body.readUInt32LE(4),
    isIntact: body.readUInt32LE(8) === crc32(copy),
  }
}

/** A publication of `count` events, numbered from `firstNumber`. */
export function publicationPayload(producer: number, firstNumber: number, count: number, padding: number): Buffer {
  const sections: Buffer[] = []
  for (let i = 0; i < count; i++)
    sections.push(section(section(eventBody({ producer, number: firstNumber + i }, padding))))
  return Buffer.concat(sections)
}

/** The events of a stored payload, in order; one that cannot be read is not intact and nobody's. */
export function eventsOf(payload: Buffer): (EventName & { readonly isIntact: boolean })[] {
  const events: (EventName & { readonly isIntact: boolean })[] = []
  for (let at = 0; at < payload.length; ) {
    const outer = sectionAt(payload, at)
    if (outer === null) return [...events, { producer: -1, number: -1, isIntact: false }]
    const inner = sectionAt(outer.content, 0)
    const event = inner === null ? null : readEventBody(inner.content)
    events.push(event ?? { producer: -1, number: -1, isIntact: false })
    at = outer.end
  }
  return events
}

function sectionAt(bytes: Buffer, at: number): { content: Buffer; end: number } | null {
  if (bytes[at] !== 0x00 || bytes[at + 1] !== 0x53 || bytes[at + 2] !== 0x75) return null
  const isShort = bytes[at + 3] === 0xa0
  const begin = at + (isShort ? 5 : 8)
  if (begin > bytes.length) return null
  const end = begin + (isShort ? bytes[at + 4]! : bytes.readUInt32BE(at + 4))
  return end > bytes.length ? null : { content: bytes.subarray(begin, end), end }
}
