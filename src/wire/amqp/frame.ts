// Frames (AMQP 1.0 §2.3) and protocol headers (§2.2) between a byte stream and positions in a buffer.
//
//    0       4     5      6         8              doff*4                    size
//   +-------+------+------+---------+--- - - - ----+------------- - - - ----+
//   | size  | doff | type | channel | ext. header  | body                   |
//   +-------+------+------+---------+--- - - - ----+------------- - - - ----+
//
// `FrameReader` never copies a frame that lies whole in what it is given, and keeps a frame cut by the end of it only as
// its bytes arrive: the size is compared with the limit as soon as the first 8 bytes are there (security rule S1).

import { emptyBuffer } from '../../base/bytes.ts'
import { assert } from '../../base/assert.ts'
import type { ByteWriter } from '../../base/byte-writer.ts'
import { EhubError } from '../../base/error.ts'
import { decodeError } from './decode-value.ts'
import { writePerformative, writeSaslFrame, type PerformativeInput, type SaslFrameInput } from './performatives.ts'

export const frameHeaderBytes = 8
/** Smallest max-frame-size a peer may ask for (§2.3.2). */
export const frameBytesMin = 512
export const frameTypes = { amqp: 0, sasl: 1 } as const
/** Fifth byte of a protocol header. */
export const protocolIds = { amqp: 0, tls: 2, sasl: 3 } as const
/** Version 1.0.0, the only one, as `FrameReader.protocolVersion` gives it. */
export const protocolVersion = 0x010000

const protocolWord = 0x414d5150 // "AMQP"
// A carry buffer larger than this is given back when no frame is cut: an idle connection must not hold a frame's worth.
const carryBytesKept = 4096
const carryBytesMin = 512

/**
 * One direction of one connection. Two ways to use it:
 *
 *     // chunk: the chunk is only read during the loop; a cut frame is kept in the reader's own buffer.
 *     reader.feed(chunk)
 *     while (reader.next()) handle(reader)
 *     reader.keepRest()
 *
 *     // in place: one read buffer larger than the limit, and the socket reads behind the cut frame.
 *     reader.feed(readBuffer, 0, carry + bytesRead)
 *     while (reader.next()) handle(reader)
 *     carry = reader.moveRestToFront()
 *
 * After an error the reader is finished: the stream has no next frame.
 */
export class FrameReader {
  /** The frame's bytes are in here, until the next call of the reader or the next read into the buffer fed. */
  buffer: Buffer = emptyBuffer
  /** What was read is a protocol header, not a frame; then only `protocolId` and `protocolVersion` count. */
  isProtocolHeader = false
  /** 0 AMQP, 2 TLS, 3 SASL. */
  protocolId = 0
  /** Major, minor and revision, a byte each: 0x010000. */
  protocolVersion = 0
  /** 0 AMQP, 1 SASL. */
  type = 0
  channel = 0
  /** Where the body begins in `buffer`: behind the extended header. */
  bodyStart = 0
  /** Where it ends. Equal to `bodyStart` in an empty frame, which is a heartbeat. */
  bodyEnd = 0
  /** Largest frame let in, header included. A change takes effect with the next frame. */
  frameBytesMax: number

  // What was fed and is not read yet.
  #input: Buffer = emptyBuffer
  #start = 0
  #end = 0
  // The first bytes of a frame that was cut by the end of an earlier chunk.
  #carry: Buffer = emptyBuffer
  #carryBytes = 0

  /** @param frameBytesMax The max-frame-size we announced, or less before the peer may use it. */
  constructor(frameBytesMax: number) {
    this.frameBytesMax = frameBytesMax
  }

  /** Bytes this reader holds of its own accord, for memory accounts. */
  get heldBytes(): number {
    return this.#carry.length
  }

  /** A frame has begun and is not complete. */
  get isCut(): boolean {
    return this.#carryBytes > 0 || this.#start < this.#end
  }

  /** Hands over `buffer[start, end)`. What was fed before must have been read, kept or moved. */
  feed(buffer: Buffer, start = 0, end = buffer.length): void {
    assert(this.#start === this.#end, 'frames fed before were read or kept')
    this.#input = buffer
    this.#start = start
    this.#end = end
  }

  /**
   * Moves to the next frame or protocol header; false when there is no whole one.
   * @throws EhubError `frame-too-large`, `decode-error`: answer with a framing error and close.
   */
  next(): boolean {
    if (this.#carryBytes > 0) return this.#nextCarried()
    const start = this.#start
    const left = this.#end - start
    if (left < frameHeaderBytes) return false
    const size = this.#sizeAt(this.#input, start)
    if (size > left) return false
    this.#start = start + size
    this.#accept(this.#input, start, size)
    return true
  }

  /** Chunk use, after the loop: copies the cut frame, at most a frame's worth, into the reader's own buffer. */
  keepRest(): void {
    const left = this.#end - this.#start
    if (left > 0) {
      this.#takeIntoCarry(left)
    } else if (this.#carryBytes === 0 && this.#carry.length > carryBytesKept) {
      this.#carry = emptyBuffer
    }
    // Not to keep a chunk alive that nobody needs.
    this.#input = emptyBuffer
    this.#start = 0
    this.#end = 0
  }

  /** In-place use, after the loop: moves the cut frame to the front of the buffer fed. @returns Its bytes so far. */
  moveRestToFront(): number {
    const left = this.#end - this.#start
    if (left > 0 && this.#start > 0) this.#input.copyWithin(0, this.#start, this.#end)
    this.#start = 0
    this.#end = 0
    return left
  }

  /** Completes the cut frame from the input: only its own bytes are copied. */
  #nextCarried(): boolean {
    if (this.#carryBytes < frameHeaderBytes) {
      this.#takeIntoCarry(Math.min(frameHeaderBytes - this.#carryBytes, this.#end - this.#start))
      if (this.#carryBytes < frameHeaderBytes) return false
    }
    const size = this.#sizeAt(this.#carry, 0)
    this.#takeIntoCarry(Math.min(size - this.#carryBytes, this.#end - this.#start))
    if (this.#carryBytes < size) return false
    this.#carryBytes = 0
    this.#accept(this.#carry, 0, size)
    return true
  }

  /** Grows with what has come, not with what a header announces: a header alone costs its peer's bytes, not ours. */
  #takeIntoCarry(count: number): void {
    const needed = this.#carryBytes + count
    if (needed > this.#carry.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, this.#carry.length * 2, carryBytesMin))
      this.#carry.copy(grown, 0, 0, this.#carryBytes)
      this.#carry = grown
    }
    this.#input.copy(this.#carry, this.#carryBytes, this.#start, this.#start + count)
    this.#carryBytes = needed
    this.#start += count
  }

  /** Size of what begins at `at`, of which 8 bytes are there. */
  #sizeAt(buffer: Buffer, at: number): number {
    const size = buffer.readUInt32BE(at)
    if (size === protocolWord) return frameHeaderBytes
    if (size > this.frameBytesMax) {
      throw new EhubError('frame-too-large', `frame of ${size} bytes exceeds the limit of ${this.frameBytesMax}`)
    }
    if (size < frameHeaderBytes) throw decodeError(`frame of ${size} bytes is shorter than its header`, at)
    return size
  }

  #accept(buffer: Buffer, at: number, size: number): void {
    this.buffer = buffer
    if (buffer[at] === 0x41 && buffer.readUInt32BE(at) === protocolWord) {
      this.isProtocolHeader = true
      this.protocolId = buffer[at + 4] ?? 0
      this.protocolVersion = buffer.readUIntBE(at + 5, 3)
      return
    }
    const doff = buffer[at + 4] ?? 0
    if (doff < 2 || doff * 4 > size) throw decodeError(`frame of ${size} bytes has its body at ${doff * 4}`, at)
    this.isProtocolHeader = false
    this.type = buffer[at + 5] ?? 0
    if (this.type > 1) throw decodeError(`unknown frame type ${this.type}`, at)
    this.channel = ((buffer[at + 6] ?? 0) << 8) | (buffer[at + 7] ?? 0)
    this.bodyStart = at + doff * 4
    this.bodyEnd = at + size
  }
}

// ---------------------------------------------------------------- writing

/** `AMQP`, the protocol's id, version 1.0.0. @param protocolId One of `protocolIds`. */
export function writeProtocolHeader(writer: ByteWriter, protocolId: number): void {
  writer.uint32(protocolWord)
  writer.uint8(protocolId)
  writer.uint8(1)
  writer.uint16(0)
}

/** Begins a frame; write its body, then call `endFrame` with what this returns. */
export function beginFrame(writer: ByteWriter, type: number, channel: number): number {
  const start = writer.position
  writer.uint32(0)
  writer.uint8(2)
  writer.uint8(type)
  writer.uint16(channel)
  return start
}

/** Patches the size of the frame begun at `start`. @returns The frame's size, for a check against the peer's limit. */
export function endFrame(writer: ByteWriter, start: number): number {
  const size = writer.position - start
  writer.buffer.writeUInt32BE(size, start)
  return size
}

/** One AMQP frame with one performative. @returns The frame's size, for a check against the peer's max-frame-size. */
export function writeFrame(writer: ByteWriter, channel: number, performative: PerformativeInput): number {
  const start = beginFrame(writer, frameTypes.amqp, channel)
  writePerformative(writer, performative)
  return endFrame(writer, start)
}

/** One SASL frame. */
export function writeSasl(writer: ByteWriter, frame: SaslFrameInput): number {
  const start = beginFrame(writer, frameTypes.sasl, 0)
  writeSaslFrame(writer, frame)
  return endFrame(writer, start)
}

/** A frame without body: says only that we are alive (§2.4.5). */
export function writeHeartbeat(writer: ByteWriter): void {
  endFrame(writer, beginFrame(writer, frameTypes.amqp, 0))
}
