// The fast path of delivery: a stored message with the broker's annotations put in front of the producer's, straight into
// the output buffer. Nothing is decoded; everything behind the message annotations is copied as it is.
//
//   stored    [header] [delivery annotations] [message annotations] | properties … footer
//   delivered [header] [ours, if asked for]   [broker's + batch's + producer's] | properties … footer
//
// A producer's delivery annotations were for the hop to us and end here (AMQP 1.0 §3.2.2). Producer's entries with a name
// of the broker's are left out: an event that was received and sent on unchanged carries old ones. Entries of the batch
// envelope (partition key, publisher) win over the event's own.

import { ByteWriter } from '../../base/byte-writer.ts'
import { MapEntries } from './annotation-map.ts'
import { decodeError, skipValue } from './decode-value.ts'
import { writeMap } from './encode-value.ts'
import { annotations, runtimeMetricKeys, sectionCodes } from './names.ts'
import { putDecimal, putInt64, putUint32 } from './numbers.ts'
import { sectionCodeAt } from './sections.ts'
import { longValue, stringValue, symbolValue, timestampValue } from './types.ts'

// The map's wide header leaves room for any number of entries; the narrow one is used when it fits.
const wideHeadBytes = 12 // 00 53 72 d1 size4 count4
const narrowHeadBytes = 6 // 00 53 72 c1 size1 count1
const offsetDigitsMax = 16 // 2^53 has 16 digits

// Entries in the order time, sequence number, offset: what varies in length is last.
const timeKey = symbolBytes(annotations.enqueuedTime)
const sequenceKey = symbolBytes(annotations.sequenceNumber)
const offsetKey = symbolBytes(annotations.offset)
const timeAt = timeKey.length + 1
const sequenceAt = timeAt + 8 + sequenceKey.length + 1
const offsetLengthAt = sequenceAt + 8 + offsetKey.length + 1
const offsetAt = offsetLengthAt + 1

/** Most bytes a delivered message is longer than the stored one, beside batch and delivery annotations. */
export const splicedBytesMax = wideHeadBytes + offsetAt + offsetDigitsMax

const sequenceName = Buffer.from(annotations.sequenceNumber)
const offsetName = Buffer.from(annotations.offset)
const timeName = Buffer.from(annotations.enqueuedTime)

/** One object a link or a daemon; keeps the state of the batch it was last told of. */
export class AnnotationSplicer {
  /** The broker's three entries, patched for each event. */
  readonly #entries: Buffer
  readonly #own = new MapEntries()
  readonly #batch = new MapEntries()
  #batchNames: Buffer[] = []
  #batchBuffer: Buffer | null = null
  // What the entries hold at first.
  #timeMs = 0

  constructor() {
    const entries = Buffer.alloc(offsetAt + offsetDigitsMax)
    timeKey.copy(entries, 0)
    entries[timeAt - 1] = 0x83
    sequenceKey.copy(entries, timeAt + 8)
    entries[sequenceAt - 1] = 0x81
    offsetKey.copy(entries, sequenceAt + 8)
    entries[offsetLengthAt - 1] = 0xa1
    this.#entries = entries
  }

  /**
   * Begins a batch: what its events share.
   * @param timeMs Enqueued time, a safe integer.
   * @param batchAnnotations The section in front of the batch's data sections, `payload[start, end)`; null when there is
   *   none. Kept until the next call.
   * @throws EhubError `decode-error` for a section that does not hold a map of pairs.
   */
  beginBatch(timeMs: number, batchAnnotations: Buffer | null, start = 0, end = batchAnnotations?.length ?? 0): void {
    if (timeMs !== this.#timeMs) {
      this.#timeMs = timeMs
      putInt64(this.#entries, timeAt, timeMs)
    }
    this.#batchBuffer = batchAnnotations
    if (batchAnnotations === null) return
    const batch = this.#batch
    batch.open(batchAnnotations, start + 3, end)
    this.#batchNames = []
    while (batch.next()) this.#batchNames.push(textBytes(batchAnnotations, batch.keyStart, batch.valueStart))
  }

  /**
   * Writes the stored message `message[start, end)` with its annotations to `out[at…]`, which has room for the message,
   * `splicedBytesMax`, the batch's section and the delivery annotations.
   * @param sequence Sequence number of the event.
   * @param offset Offset of the event, 0..2^53-1; a decimal string on the wire.
   * @param deliveryAnnotations An encoded delivery annotations section (see `encodeRuntimeMetric`), or null.
   * @returns Where the message ends in `out`.
   * @throws EhubError `decode-error` for bytes that never were a stored message.
   */
  splice(
    out: Buffer,
    at: number,
    message: Buffer,
    start: number,
    end: number,
    sequence: number,
    offset: number,
    deliveryAnnotations: Buffer | null,
  ): number {
    let to = at
    let from = start
    if (sectionCodeAt(message, from, end) === sectionCodes.header) {
      from = skipValue(message, from + 3, end)
      to = copy(out, to, message, start, from)
    }
    if (deliveryAnnotations !== null) to = copy(out, to, deliveryAnnotations, 0, deliveryAnnotations.length)
    if (sectionCodeAt(message, from, end) === sectionCodes.deliveryAnnotations) from = skipValue(message, from + 3, end)
    const entriesEnd = this.#stamp(sequence, offset)
    const entries = this.#entries
    if (this.#batchBuffer === null && sectionCodeAt(message, from, end) !== sectionCodes.messageAnnotations) {
      // 00 53 72 c1 size 06
      out[to] = 0x00
      out[to + 1] = 0x53
      out[to + 2] = sectionCodes.messageAnnotations
      out[to + 3] = 0xc1
      out[to + 4] = entriesEnd + 1
      out[to + 5] = 6
      out.set(entries, to + narrowHeadBytes)
      to += narrowHeadBytes + entriesEnd
    } else {
      const hasOwn = sectionCodeAt(message, from, end) === sectionCodes.messageAnnotations
      const rest = hasOwn ? skipValue(message, from + 3, end) : from
      to = this.#merge(out, to, message, from, rest, entriesEnd)
      from = rest
    }
    return copy(out, to, message, from, end)
  }

  /** Patches sequence and offset. @returns Bytes of the three entries. */
  #stamp(sequence: number, offset: number): number {
    const entries = this.#entries
    putInt64(entries, sequenceAt, sequence)
    const digits = putDecimal(entries, offsetAt, offset)
    entries[offsetLengthAt] = digits
    return offsetAt + digits
  }

  /** The map of broker's, batch's and producer's entries; `message[from, rest)` is the producer's section, maybe empty. */
  #merge(out: Buffer, at: number, message: Buffer, from: number, rest: number, entriesEnd: number): number {
    const own = this.#own
    let contentBytesMax = entriesEnd
    if (this.#batchBuffer !== null) contentBytesMax += this.#batch.contentEnd - this.#batch.contentStart
    if (from < rest) {
      own.open(message, from + 3, rest)
      contentBytesMax += own.contentEnd - own.contentStart
    }
    // The narrow map when even everything fits it; that some entries may be left out makes the other one no less right.
    const isNarrow = contentBytesMax < 0xff
    const start = at + (isNarrow ? narrowHeadBytes : wideHeadBytes)
    let to = copy(out, start, this.#entries, 0, entriesEnd)
    let count = 3
    if (this.#batchBuffer !== null) {
      to = copy(out, to, this.#batchBuffer, this.#batch.contentStart, this.#batch.contentEnd)
      count += this.#batch.count
    }
    if (from < rest) {
      // Entries that stay are copied in runs, usually one.
      let run = own.contentStart
      while (own.next()) {
        if (!this.#isTaken(own)) {
          count += 1
          continue
        }
        to = copy(out, to, message, run, own.keyStart)
        run = own.valueEnd
      }
      to = copy(out, to, message, run, own.contentEnd)
    }
    out[at] = 0x00
    out[at + 1] = 0x53
    out[at + 2] = sectionCodes.messageAnnotations
    if (isNarrow) {
      out[at + 3] = 0xc1
      out[at + 4] = to - start + 1
      out[at + 5] = count * 2
    } else {
      out[at + 3] = 0xd1
      putUint32(out, at + 4, to - start + 4)
      putUint32(out, at + 8, count * 2)
    }
    return to
  }

  #isTaken(entry: MapEntries): boolean {
    if (entry.isKey(sequenceName) || entry.isKey(offsetName) || entry.isKey(timeName)) return true
    if (this.#batchBuffer === null) return false
    for (const name of this.#batchNames) if (entry.isKey(name)) return true
    return false
  }
}

export interface RuntimeMetricValues {
  /** -1 when nothing was ever stored. */
  readonly lastSequence: number
  /** -1 when nothing was ever stored. */
  readonly lastOffset: number
  readonly lastEnqueuedTimeMs: number
  readonly retrievedAtMs: number
}

/** The delivery annotations section of a receiver with the runtime metric capability: all four keys, exact types. */
export function encodeRuntimeMetric(metric: RuntimeMetricValues): Buffer {
  const writer = new ByteWriter(192)
  writer.uint8(0x00)
  writer.uint8(0x53)
  writer.uint8(sectionCodes.deliveryAnnotations)
  writeMap(writer, [
    [symbolValue(runtimeMetricKeys.lastSequence), longValue(metric.lastSequence)],
    [symbolValue(runtimeMetricKeys.lastOffset), stringValue(String(metric.lastOffset))],
    [symbolValue(runtimeMetricKeys.lastEnqueuedTime), timestampValue(metric.lastEnqueuedTimeMs)],
    [symbolValue(runtimeMetricKeys.retrievedAt), timestampValue(metric.retrievedAtMs)],
  ])
  return writer.takeCopy()
}

/** `a3 length text` */
function symbolBytes(name: string): Buffer {
  return Buffer.concat([Buffer.from([0xa3, name.length]), Buffer.from(name)])
}

/** The text of an encoded key, without constructor and length. */
function textBytes(buffer: Buffer, start: number, end: number): Buffer {
  const code = buffer[start] ?? 0
  if (code < 0xa0 || code > 0xbf) throw decodeError('an annotation has a key that is not text', start)
  return Buffer.from(buffer.subarray(start + (code < 0xb0 ? 2 : 5), end))
}

// Below this a loop beats the call into `Buffer.copy`.
const loopBytesMax = 24

function copy(out: Buffer, at: number, from: Buffer, start: number, end: number): number {
  const length = end - start
  if (length <= loopBytesMax) for (let i = 0; i < length; i += 1) out[at + i] = from[start + i] ?? 0
  else from.copy(out, at, start, end)
  return at + length
}
