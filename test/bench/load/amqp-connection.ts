// A raw AMQP connection for the load generators: SASL PLAIN, open, and a read loop over one reused buffer that hands frames
// over in place. It trusts its peer and breaks off loudly when anything is refused.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { ValueDecoder } from '../../../src/wire/amqp/decode-value.ts'
import {
  type AmqpValue,
  binaryValue,
  stringValue,
  symbolValue,
  uintValue,
  ushortValue,
} from '../../../src/wire/amqp/types.ts'
import { amqpHeader, frame, none, performativeCode, saslHeader } from './amqp-frames.ts'

export interface Endpoint {
  readonly port: number
  readonly user: string
  readonly key: string
}

/** Frames with `code` that arrive in a hurry; `buffer[start, end)` is the frame body, valid during the call. */
export type OnFrame = (code: number, channel: number, buffer: Buffer, start: number, end: number) => void

const readBufferBytes = 256 * 1024
/** What we announce: a frame always fits the read buffer. */
export const ownFrameBytesMax = 64 * 1024

export class AmqpConnection {
  readonly socket: Socket
  frameBytesMax = 512
  /** Transfers, flows and dispositions. */
  onFrame: OnFrame = () => undefined
  readonly #buffer = Buffer.allocUnsafeSlow(readBufferBytes)
  #filled = 0
  /** Protocol headers still to come. */
  #headers = 2
  readonly #expected: { code: number; channel: number; resolve: (fields: readonly AmqpValue[]) => void }[] = []
  #isClosing = false

  private constructor(port: number) {
    this.socket = connect({
      host: '127.0.0.1',
      port,
      noDelay: true,
      onread: {
        buffer: () => this.#buffer.subarray(this.#filled),
        callback: (count: number) => {
          this.#filled += count
          this.#parse()
          return true
        },
      },
    })
    this.socket.on('error', (error) => {
      if (!this.#isClosing) throw error
    })
    this.socket.on('close', () => {
      if (!this.#isClosing) throw new Error('the server closed the connection')
    })
  }

  static async open(endpoint: Endpoint): Promise<AmqpConnection> {
    const connection = new AmqpConnection(endpoint.port)
    await once(connection.socket, 'connect')
    const response = Buffer.from(`\0${endpoint.user}\0${endpoint.key}`)
    const outcome = connection.expect(performativeCode.saslOutcome, 0)
    connection.socket.write(
      Buffer.concat([
        saslHeader,
        frame(
          performativeCode.saslInit,
          0,
          [symbolValue('PLAIN'), binaryValue(response), stringValue('localhost')],
          true,
        ),
      ]),
    )
    const [code] = await outcome
    if (code?.type !== 'ubyte' || code.value !== 0) throw new Error('SASL PLAIN was refused')
    const opened = connection.expect(performativeCode.open, 0)
    connection.socket.write(
      Buffer.concat([
        amqpHeader,
        frame(performativeCode.open, 0, [
          stringValue(`bench-${process.pid}`),
          stringValue('localhost'),
          uintValue(ownFrameBytesMax),
          ushortValue(255),
          ...Array.from({ length: 6 }, () => none),
        ]),
      ]),
    )
    const open = await opened
    connection.frameBytesMax = open[2]?.type === 'uint' ? open[2].value : 2 ** 32 - 1
    return connection
  }

  /** The next frame of this kind on this channel, decoded. */
  expect(code: number, channel: number): Promise<readonly AmqpValue[]> {
    return new Promise((resolve) => this.#expected.push({ code, channel, resolve }))
  }

  /** Leaves with a close frame and waits until the peer is gone. */
  async close(): Promise<void> {
    this.#isClosing = true
    const gone = once(this.socket, 'close')
    this.socket.end(frame(performativeCode.close, 0, [none]))
    this.socket.resume()
    const timer = setTimeout(() => this.socket.destroy(), 2_000)
    await gone
    clearTimeout(timer)
  }

  /** Leaves at once; what is on its way is dropped. */
  destroy(): void {
    this.#isClosing = true
    this.socket.destroy()
  }

  #parse(): void {
    const buffer = this.#buffer
    let at = 0
    for (;;) {
      const left = this.#filled - at
      if (left < 8) break
      if (this.#headers > 0 && buffer[at] === 0x41) {
        this.#headers--
        at += 8
        continue
      }
      const size = buffer.readUInt32BE(at)
      if (size > left) break
      if (size > 8) {
        const start = at + 4 * (buffer[at + 4] ?? 2)
        this.#dispatch(buffer.readUInt16BE(at + 6), start, at + size)
      }
      at += size
    }
    if (at > 0) buffer.copyWithin(0, at, this.#filled)
    this.#filled -= at
  }

  #dispatch(channel: number, start: number, end: number): void {
    // Every performative descriptor is `00 53 code` (smallulong).
    const code = this.#buffer[start + 2] ?? 0
    if (code === performativeCode.transfer || code === performativeCode.disposition || code === performativeCode.flow) {
      return this.onFrame(code, channel, this.#buffer, start, end)
    }
    const fields = decodeFields(this.#buffer, start, end)
    const index = this.#expected.findIndex((wait) => wait.code === code && wait.channel === channel)
    if (index >= 0) return this.#expected.splice(index, 1)[0]?.resolve(fields)
    const isGoodbye =
      code === performativeCode.detach || code === performativeCode.end || code === performativeCode.close
    if (isGoodbye && !this.#isClosing) throw new Error(`the server says ${describe(fields)}`)
  }
}

/** The fields of the performative whose body is at `start`; what follows it (a payload) is left alone. */
export function decodeFields(buffer: Buffer, start: number, end: number): readonly AmqpValue[] {
  const value = new ValueDecoder(buffer, start, end).readValue()
  if (value.type !== 'described' || value.value.type !== 'list') throw new Error('a frame without a performative')
  return value.value.value
}

/** Text of whatever a peer said, errors included. */
export function describe(fields: readonly AmqpValue[]): string {
  return JSON.stringify(fields, (_, value) => (typeof value === 'bigint' ? Number(value) : value))
}

/** Position of the first field of the list at `start` (`00 53 code`, then list8 or list32). */
export function fieldsStart(buffer: Buffer, start: number): number {
  return buffer[start + 3] === 0xc0 ? start + 6 : start + 12
}

/** A uint field in any of its encodings; `otherwise` when null. */
export function uintAt(buffer: Buffer, at: number, otherwise: number): number {
  switch (buffer[at]) {
    case 0x43:
      return 0
    case 0x52:
      return buffer[at + 1] ?? 0
    case 0x70:
      return buffer.readUInt32BE(at + 1)
    default:
      return otherwise
  }
}
