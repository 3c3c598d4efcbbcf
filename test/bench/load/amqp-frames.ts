// Frames as bytes for the raw load generators: cold ones encoded from values, hot ones prepared once and patched.

import { encodeValue } from '../../../src/wire/amqp/encode-value.ts'
import { type AmqpValue, describedValue, listValue, nullValue, ulongValue } from '../../../src/wire/amqp/types.ts'

// Descriptors (AMQP 1.0 §2.7, §5.3.3).
export const performativeCode = {
  open: 0x10,
  begin: 0x11,
  attach: 0x12,
  flow: 0x13,
  transfer: 0x14,
  disposition: 0x15,
  detach: 0x16,
  end: 0x17,
  close: 0x18,
  saslMechanisms: 0x40,
  saslInit: 0x41,
  saslOutcome: 0x44,
} as const

export const saslHeader = Buffer.from([0x41, 0x4d, 0x51, 0x50, 3, 1, 0, 0])
export const amqpHeader = Buffer.from([0x41, 0x4d, 0x51, 0x50, 0, 1, 0, 0])

/** Event Hubs' batch message format. */
export const batchFormat = 0x80013700

export function frame(code: number, channel: number, fields: readonly AmqpValue[], isSasl = false): Buffer {
  const body = encodeValue(describedValue(ulongValue(code), listValue(fields)))
  const header = Buffer.alloc(8)
  header.writeUInt32BE(8 + body.length, 0)
  header[4] = 2
  header[5] = isSasl ? 1 : 0
  header.writeUInt16BE(channel, 6)
  return Buffer.concat([header, body])
}

/** A message of one data section. */
export function dataMessage(body: Buffer): Buffer {
  return dataSection(body)
}

function dataSection(body: Buffer): Buffer {
  if (body.length < 256) return Buffer.concat([Buffer.from([0x00, 0x53, 0x75, 0xa0, body.length]), body])
  const head = Buffer.from([0x00, 0x53, 0x75, 0xb0, 0, 0, 0, 0])
  head.writeUInt32BE(body.length, 4)
  return Buffer.concat([head, body])
}

/** A batch envelope around `count` copies of one event. */
export function batchMessage(event: Buffer, count: number): Buffer {
  return Buffer.concat(Array.from({ length: count }, () => dataSection(event)))
}

/** The frames of one delivery, with the places to patch in the first of them. */
export interface DeliveryTemplate {
  /** One or several frames, as the peer's frame limit asks. */
  readonly bytes: Buffer
  readonly frameCount: number
  /** Where the channels stand: one a frame. */
  readonly channelsAt: readonly number[]
  /** Where the handles stand: one a frame. */
  readonly handlesAt: readonly number[]
}

/** From a frame's handle to its delivery id and its tag, as `transferHead` lays them out. */
export const idAfterHandle = 5
export const tagAfterHandle = 11

/**
 * Transfer performative with every field in fixed width, so that ids can be patched:
 *
 *   00 53 14 c0 size 0b | 70 handle | 70 id | a0 04 tag | 70 format | 41/42 settled | 41/42 more | 40 × 5
 */
function transferHead(format: number, isMore: boolean): Buffer {
  const head = Buffer.alloc(3 + 3 + 5 + 5 + 6 + 5 + 1 + 1 + 5, 0x40)
  head.set([0x00, 0x53, 0x14, 0xc0, head.length - 5, 11], 0)
  head[6] = 0x70
  head.writeUInt32BE(0, 7)
  head[11] = 0x70
  head.writeUInt32BE(0, 12)
  head.set([0xa0, 4, 0, 0, 0, 0], 16)
  head[22] = 0x70
  head.writeUInt32BE(format, 23)
  head[27] = 0x42
  head[28] = isMore ? 0x41 : 0x42
  return head
}

/** @param frameBytesMax The peer's max-frame-size. */
export function deliveryTemplate(message: Buffer, format: number, frameBytesMax: number): DeliveryTemplate {
  const room = Math.min(frameBytesMax, 1024 * 1024) - 8 - transferHead(format, true).length
  const parts: Buffer[] = []
  const channelsAt: number[] = []
  const handlesAt: number[] = []
  let length = 0
  for (let at = 0; at < message.length; at += room) {
    const payload = message.subarray(at, at + room)
    const performative = transferHead(format, at + room < message.length)
    const header = Buffer.from([0, 0, 0, 0, 2, 0, 0, 0])
    header.writeUInt32BE(8 + performative.length + payload.length, 0)
    channelsAt.push(length + 6)
    handlesAt.push(length + 8 + 7)
    parts.push(header, performative, payload)
    length += header.length + performative.length + payload.length
  }
  return {
    bytes: Buffer.concat(parts),
    frameCount: channelsAt.length,
    channelsAt,
    handlesAt,
  }
}

/** Null for a field left out. */
export const none = nullValue
