// An AMQP server that does nothing: reads frames in place, answers credit and dispositions, stores and decodes nothing. What
// the generators reach against it is their own ceiling, and the ceiling of any server written in Node.

import { type AddressInfo, createServer, Socket } from 'node:net'
import {
  stringValue,
  symbolValue,
  ubyteValue,
  uintValue,
  ushortValue,
  trueValue,
  falseValue,
} from '../../../src/wire/amqp/types.ts'
import { describedValue, listValue, ulongValue } from '../../../src/wire/amqp/types.ts'
import { decodeFields } from '../load/amqp-connection.ts'
import { amqpHeader, frame, none, performativeCode, saslHeader } from '../load/amqp-frames.ts'
import { work } from '../load/job.ts'

const bufferBytes = 256 * 1024
const credit = 5_000
const window = 5_000

class NullConnection {
  readonly #socket: Socket
  readonly #buffer = Buffer.allocUnsafeSlow(bufferBytes)
  #filled = 0
  #headers = 2
  #transfers = 0
  #deliveries = 0
  #granted = 0
  #firstUnsettled = 1

  constructor(handle: object) {
    this.#socket = new Socket({
      handle,
      onread: {
        buffer: () => this.#buffer.subarray(this.#filled),
        callback: (count: number) => {
          this.#filled += count
          this.#parse()
          return true
        },
      },
    } as unknown as ConstructorParameters<typeof Socket>[0])
    this.#socket.on('error', () => undefined)
    this.#socket.resume()
  }

  #parse(): void {
    const buffer = this.#buffer
    let at = 0
    for (;;) {
      const left = this.#filled - at
      if (left < 8) break
      if (this.#headers > 0 && buffer[at] === 0x41) {
        this.#onHeader()
        at += 8
        continue
      }
      const size = buffer.readUInt32BE(at)
      if (size > left) break
      const code = buffer[at + 10] ?? 0
      // Field `more` at its fixed place in our generators' transfers.
      if (code === performativeCode.transfer) {
        this.#transfers++
        if (buffer[at + 8 + 28] !== 0x41) this.#deliveries++
      } else if (size > 8) this.#onCold(code, buffer.readUInt16BE(at + 6), at + 8, at + size)
      at += size
    }
    if (at > 0) buffer.copyWithin(0, at, this.#filled)
    this.#filled -= at
    this.#answer()
  }

  #onHeader(): void {
    this.#headers--
    if (this.#headers === 0) return void this.#socket.write(amqpHeader)
    const mechanisms = frame(performativeCode.saslMechanisms, 0, [symbolValue('PLAIN')], true)
    this.#socket.write(Buffer.concat([saslHeader, mechanisms]))
  }

  #onCold(code: number, channel: number, start: number, end: number): void {
    const write = (answer: number, fields: Parameters<typeof frame>[2], isSasl = false) =>
      this.#socket.write(frame(answer, channel, fields, isSasl))
    const nones = (count: number) => Array.from({ length: count }, () => none)
    if (code === performativeCode.saslInit) write(performativeCode.saslOutcome, [ubyteValue(0), none], true)
    else if (code === performativeCode.open) {
      write(code, [stringValue('null'), none, uintValue(64 * 1024), ushortValue(255), ...nones(6)])
    } else if (code === performativeCode.begin) {
      write(code, [
        ushortValue(channel),
        uintValue(1),
        uintValue(window),
        uintValue(window),
        uintValue(255),
        ...nones(3),
      ])
    } else if (code === performativeCode.attach) {
      const asked = decodeFields(this.#buffer, start, end)
      write(code, [...asked.slice(0, 2), trueValue, ...asked.slice(3)])
      this.#grant()
    } else if (code === performativeCode.close) {
      this.#socket.end(frame(code, 0, [none]))
    }
  }

  #answer(): void {
    if (this.#deliveries < this.#firstUnsettled) return
    const accepted = describedValue(ulongValue(0x24), listValue([]))
    const range = [uintValue(this.#firstUnsettled), uintValue(this.#deliveries)]
    this.#socket.write(frame(performativeCode.disposition, 0, [trueValue, ...range, trueValue, accepted, falseValue]))
    this.#firstUnsettled = this.#deliveries + 1
    if (this.#granted - this.#deliveries <= credit >> 1) this.#grant()
  }

  #grant(): void {
    this.#granted = this.#deliveries + credit
    const session = [uintValue(1 + this.#transfers), uintValue(window), uintValue(1), uintValue(window)]
    const link = [uintValue(0), uintValue(this.#deliveries), uintValue(credit)]
    this.#socket.write(frame(performativeCode.flow, 0, [...session, ...link, none, none, none, none]))
  }
}

work<object>(async (_job, runner) => {
  const server = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => {
    new NullConnection((socket as unknown as { _handle: object })._handle)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  runner.ready({ port: (server.address() as AddressInfo).port })
})
