// The decoders under attack, each with what must hold of its answer. `decode` is measured in time and memory; `check`
// then looks at what came out. Both may throw `EhubError` of the codes named; anything else is a violation.

import { ByteWriter } from '../../../src/base/byte-writer.ts'
import { type EhubErrorCode, isEhubError } from '../../../src/base/error.ts'
import { AnnotationSplicer, splicedBytesMax } from '../../../src/wire/amqp/annotation-splice.ts'
import { countEvents, IncomingPayload, PayloadReader } from '../../../src/wire/amqp/batch-payload.ts'
import { decodeValue, skipValue } from '../../../src/wire/amqp/decode-value.ts'
import { encodeValue } from '../../../src/wire/amqp/encode-value.ts'
import { FrameReader, frameTypes } from '../../../src/wire/amqp/frame.ts'
import { type AmqpMessage, decodeMessage, encodeMessage } from '../../../src/wire/amqp/message.ts'
import { messageFormats } from '../../../src/wire/amqp/names.ts'
import {
  decodePerformative,
  decodeSaslFrame,
  type Performative,
  type PerformativeInput,
  type SaslFrame,
  writePerformative,
  writeSaslFrame,
} from '../../../src/wire/amqp/performatives.ts'
import { MessageSections } from '../../../src/wire/amqp/sections.ts'
import { formatSelector, parseSelector, type SelectorPosition } from '../../../src/wire/amqp/selector.ts'
import { TransferFields } from '../../../src/wire/amqp/transfer.ts'
import type { SimRandom } from '../../sim/sim-random.ts'
import {
  bytesOf,
  goodBatches,
  goodEvents,
  goodPerformatives,
  goodSasl,
  goodSelectors,
  goodStream,
  goodValues,
  written,
} from './fuzz-corpus.ts'
import { hostileBodies, hostileStreams, hostileValues } from './hostile.ts'

/** What must hold did not. */
export class Violation extends Error {}

export interface FuzzTarget {
  readonly name: string
  /** Inputs to begin with: good ones and hostile ones. */
  readonly corpus: readonly Buffer[]
  /** Codes with which an input may be refused. */
  readonly codes: readonly EhubErrorCode[]
  /**
   * Heap it may take for each byte of input, above 64 KiB. What only finds positions gets the 4 of the promise; a decoded
   * value is objects, of which two bytes can make one.
   */
  readonly growthPerByte: number
  decode(bytes: Buffer, random: SimRandom): unknown
  check(bytes: Buffer, result: unknown): void
}

function must(condition: boolean, what: string): void {
  if (!condition) throw new Violation(what)
}

function target<T>(parts: {
  name: string
  corpus: readonly Buffer[]
  codes: readonly EhubErrorCode[]
  growthPerByte: number
  decode(bytes: Buffer, random: SimRandom): T
  check(bytes: Buffer, result: T): void
}): FuzzTarget {
  return parts as FuzzTarget
}

// ---------------------------------------------------------------- targets

const writer = new ByteWriter(1024)
const encodePerformative = (performative: Performative): Buffer => {
  writePerformative(writer, performative as PerformativeInput)
  return writer.takeCopy()
}
const encodeSasl = (frame: SaslFrame): Buffer => {
  writeSaslFrame(writer, frame)
  return writer.takeCopy()
}

/** How a transfer's fields look to both decoders. */
function generalTransfer(bytes: Buffer): string | null {
  try {
    const transfer = decodePerformative(bytes)
    if (transfer.kind !== 'transfer') return null
    const { handle, deliveryId, deliveryTag, messageFormat, settled, more, resume, aborted, payload } = transfer
    return [
      handle,
      deliveryId,
      deliveryTag?.toString('hex'),
      messageFormat,
      settled,
      more,
      resume,
      aborted,
      payload.length,
    ].join()
  } catch (error) {
    if (isEhubError(error, 'decode-error')) return null
    throw error
  }
}

function fastTransfer(bytes: Buffer, fields: TransferFields): string {
  const orNull = (value: number) => (value < 0 ? null : value)
  const tag = fields.tagStart < 0 ? undefined : bytes.toString('hex', fields.tagStart, fields.tagEnd)
  const settled = fields.settled < 0 ? null : fields.settled === 1
  const { handle, deliveryId, messageFormat, more, resume, aborted, payloadStart } = fields
  return [
    handle,
    orNull(deliveryId),
    tag,
    orNull(messageFormat),
    settled,
    more,
    resume,
    aborted,
    bytes.length - payloadStart,
  ].join()
}

const splicer = new AnnotationSplicer()
const sections = new MessageSections()

/** Takes a payload in and delivers every event of it. */
function payloadTarget(name: string, format: number, corpus: readonly Buffer[]): FuzzTarget {
  return target({
    name,
    corpus,
    codes: ['argument-error'],
    growthPerByte: 4,
    decode: (bytes, random) => {
      const incoming = new IncomingPayload()
      incoming.publisher = random.chance(0.1) ? 'p' : null
      // In place, as the rest of the frame would be: its bytes are overwritten.
      const frame = Buffer.concat([Buffer.alloc(16), bytes])
      incoming.read(format, frame, 16, frame.length)
      return incoming
    },
    check: (_bytes, incoming) => {
      const payload = Buffer.from(incoming.buffer.subarray(incoming.start, incoming.end))
      must(countEvents(payload) === incoming.count, 'the payload holds as many events as were counted')
      const reader = new PayloadReader()
      reader.open(payload)
      const hasShared = reader.annotationsStart >= 0
      splicer.beginBatch(1, hasShared ? payload : null, reader.annotationsStart, reader.annotationsEnd)
      const out = Buffer.allocUnsafe(payload.length * 2 + splicedBytesMax)
      while (reader.next()) {
        const end = splicer.splice(out, 0, payload, reader.messageStart, reader.messageEnd, 7, 9, null)
        sections.scan(out, 0, end)
        must(sections.isNormal, 'a delivered event has normal descriptors')
        must(sections.messageAnnotationsStart >= 0, 'a delivered event has annotations')
        const stored = messageOrNull(payload, reader.messageStart, reader.messageEnd)
        if (stored === null) continue
        const delivered = decodeMessage(out, 0, end)
        must(delivered.body.kind === stored.body.kind, 'a delivered event has the body it was stored with')
      }
    },
  })
}

function messageOrNull(buffer: Buffer, start: number, end: number): AmqpMessage | null {
  try {
    return decodeMessage(buffer, start, end)
  } catch (error) {
    if (isEhubError(error, 'decode-error')) return null
    throw error
  }
}

/** Items of a stream as text, read in chunks whose bytes are overwritten after each. */
function readStream(bytes: Buffer, size: number): string {
  const reader = new FrameReader(4096)
  const items: string[] = []
  try {
    for (let at = 0; at < bytes.length; ) {
      const chunk = Buffer.from(bytes.subarray(at, at + size))
      reader.feed(chunk)
      while (reader.next()) items.push(itemOf(reader))
      reader.keepRest()
      chunk.fill(0xee)
      at += size
    }
  } catch (error) {
    if (!isEhubError(error, 'decode-error') && !isEhubError(error, 'frame-too-large')) throw error
    items.push(error.code)
  }
  must(reader.heldBytes <= 8192, 'a reader holds at most twice its limit')
  return items.join('\n')
}

function itemOf(reader: FrameReader): string {
  if (reader.isProtocolHeader) return `header ${reader.protocolId}`
  must(reader.bodyStart <= reader.bodyEnd && reader.bodyEnd <= reader.buffer.length, 'a frame lies in its buffer')
  const body = reader.buffer.toString('hex', reader.bodyStart, reader.bodyEnd)
  try {
    if (reader.type === frameTypes.sasl) decodeSaslFrame(reader.buffer, reader.bodyStart, reader.bodyEnd)
    else if (reader.bodyStart < reader.bodyEnd) decodePerformative(reader.buffer, reader.bodyStart, reader.bodyEnd)
  } catch (error) {
    if (!isEhubError(error, 'decode-error')) throw error
  }
  return `${reader.type} ${reader.channel} ${body}`
}

export function fuzzTargets(): readonly FuzzTarget[] {
  const bodies = bytesOf(hostileBodies())
  const hostileMessages = bodies.filter((bytes) => (bytes[2] ?? 0) >= 0x70)
  return [
    target({
      name: 'value',
      corpus: [...goodValues.map(encodeValue), ...bytesOf(hostileValues())],
      codes: ['decode-error'],
      growthPerByte: 256,
      decode: (bytes) => decodeValue(bytes),
      check: (bytes, value) => {
        must(skipValue(bytes, 0, bytes.length) === bytes.length, 'skipping a value ends where decoding does')
        const encoded = encodeValue(value)
        must(encodeValue(decodeValue(encoded)).equals(encoded), 'decode(encode(x)) = x')
      },
    }),
    target({
      name: 'performative',
      corpus: [...goodPerformatives.map((item) => written((into) => writePerformative(into, item))), ...bodies],
      codes: ['decode-error'],
      growthPerByte: 256,
      decode: (bytes) => decodePerformative(bytes),
      check: (_bytes, performative) => {
        const encoded = encodePerformative(performative)
        must(encodePerformative(decodePerformative(encoded)).equals(encoded), 'decode(encode(x)) = x')
      },
    }),
    target({
      name: 'sasl',
      corpus: [...goodSasl.map((item) => written((into) => writeSaslFrame(into, item))), ...bodies],
      codes: ['decode-error'],
      growthPerByte: 256,
      decode: (bytes) => decodeSaslFrame(bytes),
      check: (_bytes, frame) => {
        const encoded = encodeSasl(frame)
        must(encodeSasl(decodeSaslFrame(encoded)).equals(encoded), 'decode(encode(x)) = x')
      },
    }),
    target({
      name: 'transfer',
      corpus: [
        ...goodPerformatives
          .filter((item) => item.kind === 'transfer')
          .map((item) => written((into) => writePerformative(into, item))),
        ...bodies.filter((bytes) => bytes[2] === 0x14),
      ],
      codes: ['decode-error'],
      growthPerByte: 4,
      decode: (bytes) => {
        const fields = new TransferFields()
        fields.read(bytes, 0, bytes.length)
        return fields
      },
      check: (bytes, fields) => {
        must(fields.payloadStart <= bytes.length, 'the payload begins inside the frame')
        const general = generalTransfer(bytes)
        must(general === null || general === fastTransfer(bytes, fields), 'both decoders read the same transfer')
      },
    }),
    target({
      name: 'stream',
      corpus: [goodStream, ...bytesOf(hostileStreams())],
      codes: ['decode-error', 'frame-too-large'],
      growthPerByte: 4,
      decode: (bytes, random) => {
        const reader = new FrameReader(4096)
        for (let at = 0; at < bytes.length; ) {
          const size = random.between(1, 40)
          reader.feed(bytes, at, Math.min(bytes.length, at + size))
          while (reader.next());
          reader.keepRest()
          at += size
        }
        return null
      },
      check: (bytes) => {
        const whole = readStream(bytes, bytes.length)
        // Byte by byte only what is short.
        for (const size of bytes.length <= 4096 ? [1, 3, 7, 64] : [1000])
          must(readStream(bytes, size) === whole, 'a stream reads the same however it is cut')
      },
    }),
    target({
      name: 'message',
      corpus: [...goodEvents, ...goodBatches, ...hostileMessages],
      codes: ['decode-error'],
      growthPerByte: 256,
      decode: (bytes) => decodeMessage(bytes),
      check: (_bytes, message) => {
        const encoded = encodeMessage(message)
        must(encodeMessage(decodeMessage(encoded)).equals(encoded), 'decode(encode(x)) = x')
      },
    }),
    payloadTarget('single', messageFormats.single, [...goodEvents, ...hostileMessages]),
    payloadTarget('batch', messageFormats.batch, [...goodBatches, ...hostileMessages]),
    target({
      name: 'selector',
      corpus: goodSelectors.map((text) => Buffer.from(text)),
      codes: ['argument-error'],
      growthPerByte: 64,
      decode: (bytes): SelectorPosition => parseSelector(bytes.toString('latin1')),
      check: (_bytes, position) => {
        must(
          formatSelector(parseSelector(formatSelector(position))) === formatSelector(position),
          'positions round-trip',
        )
      },
    }),
  ]
}
