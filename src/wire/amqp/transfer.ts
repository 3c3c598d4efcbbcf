// Fast paths for what a busy link is made of: transfers in, transfers out, dispositions and flows out. About a million a
// second go through here, so nothing is allocated: decoding fills one reused object with positions, encoding patches
// numbers into bytes prepared once a link. Everything else goes through `performatives.ts`; both write the same frames.

import { decodeError, skipValue, ValueDecoder } from './decode-value.ts'
import { readDescriptorCode } from './composites.ts'
import { putUint32, uint32At } from './numbers.ts'

/** Bytes a transfer written here takes in front of its payload: frame header and performative. */
export const transferHeadBytes = 42
/** Bytes of a frame of `writeDisposition`. */
export const dispositionFrameBytes = 31
/** Most bytes of a frame of `writeFlow`. */
export const flowFrameBytesMax = 53

/** Whether the frame body at `start` is a transfer in the encoding everybody sends (`00 53 14`). */
export function isTransfer(buffer: Buffer, start: number, end: number): boolean {
  return end - start > 3 && buffer[start] === 0 && buffer[start + 1] === 0x53 && buffer[start + 2] === 0x14
}

/**
 * A transfer performative decoded in place; one object a connection, filled anew by each `read`. Fields that were not sent
 * are -1 (numbers), which on a continuation means "as in the first frame of the delivery" (AMQP 1.0 §2.7.5).
 */
export class TransferFields {
  handle = 0
  deliveryId = -1
  /** The delivery tag is `buffer[tagStart, tagEnd)`; both -1 when it was not sent. */
  tagStart = -1
  tagEnd = -1
  messageFormat = -1
  /** 0 unsettled, 1 settled. */
  settled = -1
  more = false
  rcvSettleMode = -1
  resume = false
  aborted = false
  /** Where the payload begins; it ends with the frame. */
  payloadStart = 0

  /** Reads the frame body `buffer[start, end)`. @throws EhubError `decode-error`; the object then holds nothing of use. */
  read(buffer: Buffer, start: number, end: number): void {
    let at = start + 3
    if (!isTransfer(buffer, start, end)) {
      const decoder = new ValueDecoder(buffer, start, end)
      if (readDescriptorCode(decoder) !== 0x14) throw decodeError('the frame is not a transfer', start)
      at = decoder.position
    }
    // Constructor, size, count; positions are local, for a field is read in a few nanoseconds.
    const code = at < end ? (buffer[at] ?? 0) : 0
    let size = 0
    let count = 0
    if (code === 0xc0 && end - at >= 3) {
      size = (buffer[at + 1] ?? 0) - 1
      count = buffer[at + 2] ?? 0
      at += 3
    } else if (code === 0xd0 && end - at >= 9) {
      size = uint32At(buffer, at + 1) - 4
      count = uint32At(buffer, at + 5)
      at += 9
    } else {
      throw decodeError(code === 0x45 ? 'transfer lacks handle' : 'transfer is not a list', at)
    }
    if (size < 0 || size > end - at || count > size) {
      throw decodeError(`transfer of ${count} fields in ${size} bytes has ${end - at}`, at)
    }
    const listEnd = at + size
    const handle = count > 0 ? uintAt(buffer, at, listEnd) : -1
    if (handle < 0) throw decodeError('transfer lacks handle', at)
    this.handle = handle
    at = uintEnd(buffer, at)
    this.deliveryId = -1
    this.tagStart = -1
    this.tagEnd = -1
    this.messageFormat = -1
    this.settled = -1
    this.more = false
    this.rcvSettleMode = -1
    this.resume = false
    this.aborted = false
    if (count > 1) {
      this.deliveryId = uintAt(buffer, at, listEnd)
      at = uintEnd(buffer, at)
    }
    if (count > 2) at = this.#readTag(buffer, at, listEnd)
    if (count > 3) {
      this.messageFormat = uintAt(buffer, at, listEnd)
      at = uintEnd(buffer, at)
    }
    if (count > 4) {
      this.settled = booleanAt(buffer, at, listEnd)
      at = booleanEnd(buffer, at)
    }
    if (count > 5) {
      this.more = booleanAt(buffer, at, listEnd) === 1
      at = booleanEnd(buffer, at)
    }
    if (count > 6) at = this.#readRest(buffer, at, listEnd, count)
    if (at !== listEnd) throw decodeError(`transfer leaves ${listEnd - at} of its bytes`, at)
    this.payloadStart = listEnd
  }

  /** @returns Where the tag's field ends. */
  #readTag(buffer: Buffer, at: number, end: number): number {
    if (at >= end) throw endsEarly(at)
    const code = buffer[at]
    if (code === 0x40) return at + 1
    const width = code === 0xa0 ? 1 : 4
    const start = at + 1 + width
    if ((code !== 0xa0 && code !== 0xb0) || start > end) throw decodeError('delivery tag is not binary', at)
    const length = width === 1 ? (buffer[at + 1] ?? 0) : uint32At(buffer, at + 1)
    // AMQP 1.0 §2.8.7: up to 32 octets.
    if (length > 32 || length > end - start) {
      throw decodeError(`delivery tag of ${length} bytes has ${end - start}, and 32 at most`, at)
    }
    this.tagStart = start
    this.tagEnd = start + length
    return start + length
  }

  /** The fields from rcv-settle-mode on, which hardly anybody fills. @returns Where the last ends. */
  #readRest(buffer: Buffer, start: number, end: number, count: number): number {
    let at = start
    for (let i = 6; i < count; i += 1) {
      if (at >= end) throw endsEarly(at)
      if (buffer[at] === 0x40) {
        at += 1
      } else if (i === 6) {
        if (buffer[at] !== 0x50 || end - at < 2) throw decodeError('transfer has a settle mode that is not a ubyte', at)
        this.rcvSettleMode = buffer[at + 1] ?? 0
        at += 2
      } else if (i === 8 || i === 9) {
        const isSet = booleanAt(buffer, at, end) === 1
        if (i === 8) this.resume = isSet
        else this.aborted = isSet
        at = booleanEnd(buffer, at)
      } else {
        // State, which means nothing on a new delivery; batchable; what a later revision may add.
        at = skipValue(buffer, at, end)
      }
    }
    return at
  }
}

/**
 * The transfers of one link, written by patching a prepared head. The delivery tag is the delivery-id in four bytes.
 *
 *     0 size | 4 02 00 | 6 channel | 8 00 53 14 | 11 c0 1d 0b | 14 70 handle | 19 70 delivery-id | 24 a0 04 tag
 *     | 30 70 format | 35 settled | 36 more | 37 40 rcv-settle-mode | 38 40 state | 39 40 resume | 40 40 aborted | 41 40
 *     batchable | 42 payload
 */
export class TransferTemplate {
  readonly #head = Buffer.alloc(transferHeadBytes, 0x40)

  constructor(link: { channel: number; handle: number; messageFormat: number; isSettled: boolean }) {
    const head = this.#head
    head.writeUInt32BE(0, 0)
    head[4] = 2
    head[5] = 0
    head.writeUInt16BE(link.channel, 6)
    head.set([0x00, 0x53, 0x14, 0xc0, transferHeadBytes - 13, 11, 0x70], 8)
    head.writeUInt32BE(link.handle, 15)
    head.set([0x70, 0, 0, 0, 0, 0xa0, 4, 0, 0, 0, 0, 0x70], 19)
    head.writeUInt32BE(link.messageFormat, 31)
    head[35] = link.isSettled ? 0x41 : 0x42
    head[36] = 0x42
  }

  /**
   * Puts the frames of one delivery around its message, which the caller has written to `out[at + transferHeadBytes, end)`.
   * A message that does not fit one frame is spread over several, each with a head of its own.
   * @param out Has room for `deliveryBytes` from `at` on.
   * @param frameBytesMax The peer's max-frame-size, at least 512.
   * @returns Where the last frame ends.
   */
  frame(out: Buffer, at: number, end: number, deliveryId: number, frameBytesMax: number): number {
    const size = end - at
    if (size <= frameBytesMax) {
      this.#writeHead(out, at, size, deliveryId, 0x42)
      return end
    }
    return this.#frameSeveral(out, at, end, deliveryId, frameBytesMax)
  }

  /** From the last piece to the first, so that no piece is overwritten before it has moved. */
  #frameSeveral(out: Buffer, at: number, end: number, deliveryId: number, frameBytesMax: number): number {
    const pieceBytes = frameBytesMax - transferHeadBytes
    const payloadStart = at + transferHeadBytes
    const last = Math.ceil((end - payloadStart) / pieceBytes) - 1
    for (let i = last; i >= 0; i -= 1) {
      const from = payloadStart + i * pieceBytes
      const length = i === last ? end - from : pieceBytes
      const head = at + i * frameBytesMax
      if (i > 0) out.copyWithin(head + transferHeadBytes, from, from + length)
      this.#writeHead(out, head, transferHeadBytes + length, deliveryId, i === last ? 0x42 : 0x41)
    }
    return end + last * transferHeadBytes
  }

  #writeHead(out: Buffer, at: number, size: number, deliveryId: number, more: number): void {
    out.set(this.#head, at)
    putUint32(out, at, size)
    putUint32(out, at + 20, deliveryId)
    putUint32(out, at + 26, deliveryId)
    out[at + 36] = more
  }
}

/** Bytes the frames of a delivery of `messageBytes` take. */
export function deliveryBytes(messageBytes: number, frameBytesMax: number): number {
  const pieces = Math.max(1, Math.ceil(messageBytes / (frameBytesMax - transferHeadBytes)))
  return messageBytes + pieces * transferHeadBytes
}

/**
 * Frame that settles the deliveries `first`..`last` (both inclusive) with an outcome that needs no words; `rejected` goes
 * through `writePerformative`.
 * @param code 0x24 accepted, 0x26 released.
 * @returns Where the frame ends: `at + dispositionFrameBytes`.
 */
export function writeDisposition(
  out: Buffer,
  at: number,
  channel: number,
  role: 'sender' | 'receiver',
  first: number,
  last: number,
  code: 0x24 | 0x26,
): number {
  putUint32(out, at, dispositionFrameBytes)
  putUint32(out, at + 4, 0x02000000 | channel)
  putUint32(out, at + 8, 0x005315c0)
  out[at + 12] = dispositionFrameBytes - 13
  out[at + 13] = 6
  out[at + 14] = role === 'receiver' ? 0x41 : 0x42
  out[at + 15] = 0x70
  putUint32(out, at + 16, first)
  out[at + 20] = 0x70
  putUint32(out, at + 21, last)
  out[at + 25] = 0x41
  out[at + 26] = 0x00
  out[at + 27] = 0x53
  out[at + 28] = code
  out[at + 29] = 0x45
  out[at + 30] = 0x40
  return at + dispositionFrameBytes
}

export interface FlowNumbers {
  /** -1: not known yet, written as null. */
  readonly nextIncomingId: number
  readonly incomingWindow: number
  readonly nextOutgoingId: number
  readonly outgoingWindow: number
  /** -1: the flow is of the session; the fields below are then written as null. */
  readonly handle: number
  readonly deliveryCount: number
  readonly linkCredit: number
  /** Events waiting at the sender, -1 when unknown. */
  readonly available: number
  readonly drain: boolean
  readonly echo: boolean
}

/** Flow frame; `out` has room for `flowFrameBytesMax`. @returns Where the frame ends. */
export function writeFlow(out: Buffer, at: number, channel: number, flow: FlowNumbers): number {
  putUint32(out, at + 4, 0x02000000 | channel)
  putUint32(out, at + 8, 0x005313c0)
  out[at + 13] = 11
  let end = putUint(out, at + 14, flow.nextIncomingId)
  end = putUint(out, end, flow.incomingWindow)
  end = putUint(out, end, flow.nextOutgoingId)
  end = putUint(out, end, flow.outgoingWindow)
  const isOfLink = flow.handle >= 0
  end = putUint(out, end, flow.handle)
  end = putUint(out, end, isOfLink ? flow.deliveryCount : -1)
  end = putUint(out, end, isOfLink ? flow.linkCredit : -1)
  end = putUint(out, end, isOfLink ? flow.available : -1)
  out[end] = flow.drain ? 0x41 : 0x42
  out[end + 1] = flow.echo ? 0x41 : 0x42
  out[end + 2] = 0x40
  end += 3
  out[at + 12] = end - at - 13
  putUint32(out, at, end - at)
  return end
}

/** uint in its full width, null below 0. */
function putUint(out: Buffer, at: number, value: number): number {
  if (value < 0) {
    out[at] = 0x40
    return at + 1
  }
  out[at] = 0x70
  putUint32(out, at + 1, value)
  return at + 5
}

/** A uint in one of its three encodings, -1 for null; the field ends at `uintEnd`. */
function uintAt(buffer: Buffer, at: number, end: number): number {
  if (at >= end) throw endsEarly(at)
  const code = buffer[at]
  if (code === 0x52 && end - at >= 2) return buffer[at + 1] ?? 0
  if (code === 0x43) return 0
  if (code === 0x70 && end - at >= 5) return uint32At(buffer, at + 1)
  if (code === 0x40) return -1
  throw decodeError('transfer has a field that is not a whole uint', at)
}

function uintEnd(buffer: Buffer, at: number): number {
  const code = buffer[at]
  return code === 0x52 ? at + 2 : code === 0x70 ? at + 5 : at + 1
}

/** 0 or 1, -1 for null; the field ends at `booleanEnd`. */
function booleanAt(buffer: Buffer, at: number, end: number): number {
  if (at >= end) throw endsEarly(at)
  const code = buffer[at]
  if (code === 0x42) return 0
  if (code === 0x41) return 1
  if (code === 0x40) return -1
  const value = buffer[at + 1] ?? 0
  if (code !== 0x56 || end - at < 2 || value > 1) throw decodeError('transfer has a field that is not a boolean', at)
  return value
}

function booleanEnd(buffer: Buffer, at: number): number {
  return buffer[at] === 0x56 ? at + 2 : at + 1
}

function endsEarly(at: number): Error {
  return decodeError('transfer ends inside its fields', at)
}
