// A raw connection in the NATS client protocol, because the npm client is slower than the server it would measure. Bytes
// of incoming messages are handed over in place, valid during the call.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

const lineFeed = 0x0a

export type OnMessage = (chunk: Buffer, payloadStart: number, payloadBytes: number) => void

export class NatsConnection {
  readonly socket: Socket
  readonly #onMessage: OnMessage
  #carry: Buffer = Buffer.alloc(0)

  private constructor(socket: Socket, onMessage: OnMessage) {
    this.socket = socket
    this.#onMessage = onMessage
    socket.on('data', (chunk) => this.#read(chunk))
    socket.on('error', (error) => {
      throw error
    })
  }

  static async open(port: number, onMessage: OnMessage): Promise<NatsConnection> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true })
    await once(socket, 'connect')
    const connection = new NatsConnection(socket, onMessage)
    socket.write('CONNECT {"verbose":false,"pedantic":false,"lang":"bench","version":"1","headers":true}\r\n')
    return connection
  }

  close(): void {
    this.socket.destroy()
  }

  // Control lines end with CRLF; MSG and HMSG are followed by as many bytes as their last word says, and CRLF.
  #read(received: Buffer): void {
    const chunk = this.#carry.length === 0 ? received : Buffer.concat([this.#carry, received])
    let at = 0
    for (;;) {
      const end = chunk.indexOf(lineFeed, at)
      if (end < 0) break
      const first = chunk[at]
      if (first === 0x4d || first === 0x48) {
        const bytes = numberBefore(chunk, end - 1)
        if (end + 1 + bytes + 2 > chunk.length) break
        this.#onMessage(chunk, end + 1, bytes)
        at = end + 1 + bytes + 2
        continue
      }
      if (first === 0x2d) throw new Error(`nats-server says ${chunk.toString('latin1', at, end)}`)
      if (chunk.toString('latin1', at, at + 4) === 'PING') this.socket.write('PONG\r\n')
      at = end + 1
    }
    this.#carry = at === chunk.length ? Buffer.alloc(0) : Buffer.from(chunk.subarray(at))
  }
}

/** The decimal number whose last digit is just before `end`. */
function numberBefore(chunk: Buffer, end: number): number {
  let value = 0
  let scale = 1
  for (let at = end - 1; ; at--) {
    const digit = (chunk[at] ?? 0) - 0x30
    if (digit < 0 || digit > 9) return value
    value += digit * scale
    scale *= 10
  }
}

export const inbox = '_INBOX.bench'

/** One request to the JetStream API over a connection of its own; throws when the answer is an error. */
export async function jetStreamRequest(port: number, subject: string, body: unknown): Promise<unknown> {
  let answer: (text: string) => void = () => undefined
  const answered = new Promise<string>((resolve) => {
    answer = resolve
  })
  const connection = await NatsConnection.open(port, (chunk, start, bytes) =>
    answer(chunk.toString('utf8', start, start + bytes)),
  )
  try {
    const json = JSON.stringify(body)
    connection.socket.write(
      `SUB ${inbox}.api 1\r\nPUB ${subject} ${inbox}.api ${Buffer.byteLength(json)}\r\n${json}\r\n`,
    )
    const reply = JSON.parse(await answered) as { error?: { description: string } }
    if (reply.error !== undefined) throw new Error(`${subject}: ${reply.error.description}`)
    return reply
  } finally {
    connection.close()
  }
}

/** A stream on file that takes everything published to its name; the server's defaults otherwise. */
export async function createStream(port: number, name: string): Promise<void> {
  await jetStreamRequest(port, `$JS.API.STREAM.CREATE.${name}`, {
    name,
    subjects: [name],
    storage: 'file',
    retention: 'limits',
    num_replicas: 1,
  })
}

/** Builds one PUB with a reply inbox around a payload. */
export function publishMessage(subject: string, payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`PUB ${subject} ${inbox}.ack ${payload.length}\r\n`), payload, Buffer.from('\r\n')])
}
