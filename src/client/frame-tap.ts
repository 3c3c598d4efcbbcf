// Stands between the byte stream and rhea. Frames of receiving links are taken out here and handed over as bytes: rhea
// decodes every message into JavaScript values, which loses AMQP types, and needs 20 µs for each. Everything else goes on
// to rhea frame by frame, in order.
//
//   socket ──► FrameReader ──┬─ transfer or flow of a tapped channel ──► DeliveryReader
//                            └─ anything else ──► rhea

import { FrameReader, frameHeaderBytes, frameTypes } from '../wire/amqp/frame.ts'

/** What takes the frames of one channel. */
export interface ChannelTap {
  /** The body of a transfer frame; the bytes are only valid during the call when `isShared`. */
  onTransfer(buffer: Buffer, start: number, end: number, isShared: boolean): void
  /** The body of a flow frame. */
  onFlow(buffer: Buffer, start: number, end: number): void
  /** All frames of one read were handed over. */
  onReadEnd(): void
}

const transferCode = 0x14
const flowCode = 0x13

export class FrameTap {
  readonly #reader: FrameReader
  readonly #pass: (frame: Buffer) => void
  readonly #taps = new Map<number, ChannelTap>()
  readonly #touched = new Set<ChannelTap>()

  /** @param pass Takes a whole frame or protocol header that is not for us. */
  constructor(frameBytesMax: number, pass: (frame: Buffer) => void) {
    this.#reader = new FrameReader(frameBytesMax)
    this.#pass = pass
  }

  /** From now on transfers and flows of this channel go to `tap`. @param channel Of the peer's frames. */
  add(channel: number, tap: ChannelTap): void {
    this.#taps.set(channel, tap)
  }

  remove(channel: number): void {
    this.#taps.delete(channel)
  }

  /** @throws EhubError `frame-too-large`, `decode-error`: the stream has no next frame. */
  push(chunk: Buffer): void {
    const reader = this.#reader
    reader.feed(chunk)
    while (reader.next()) {
      const tap = reader.isProtocolHeader ? undefined : this.#taps.get(reader.channel)
      const code = tap === undefined ? -1 : performativeCode(reader)
      if (tap === undefined || (code !== transferCode && code !== flowCode)) {
        this.#pass(wholeFrame(reader))
        continue
      }
      this.#touched.add(tap)
      const { buffer, bodyStart, bodyEnd } = reader
      if (code === transferCode) tap.onTransfer(buffer, bodyStart, bodyEnd, buffer !== chunk)
      else tap.onFlow(buffer, bodyStart, bodyEnd)
    }
    reader.keepRest()
    for (const tap of this.#touched) tap.onReadEnd()
    this.#touched.clear()
  }
}

// `00 53 code`, the form every known peer uses; `00 80 …code` (ulong of 8 bytes) is the same number.
function performativeCode({ type, buffer, bodyStart, bodyEnd }: FrameReader): number {
  if (type !== frameTypes.amqp || bodyEnd - bodyStart < 3 || buffer[bodyStart] !== 0) return -1
  if (buffer[bodyStart + 1] === 0x53) return buffer[bodyStart + 2] ?? -1
  return buffer[bodyStart + 1] === 0x80 ? (buffer[bodyStart + 9] ?? -1) : -1
}

/** The frame or header again as bytes of its own, without an extended header. */
function wholeFrame(reader: FrameReader): Buffer {
  if (reader.isProtocolHeader) {
    const { protocolId, protocolVersion: version } = reader
    return Buffer.from([0x41, 0x4d, 0x51, 0x50, protocolId, version >> 16, (version >> 8) & 0xff, version & 0xff])
  }
  const { buffer, bodyStart, bodyEnd, type, channel } = reader
  const size = frameHeaderBytes + bodyEnd - bodyStart
  const frame = Buffer.allocUnsafe(size)
  frame.writeUInt32BE(size, 0)
  frame[4] = 2
  frame[5] = type
  frame.writeUInt16BE(channel, 6)
  buffer.copy(frame, frameHeaderBytes, bodyStart, bodyEnd)
  return frame
}
