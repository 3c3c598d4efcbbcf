// A block device over the network: the fixed newstyle handshake and simple replies of the NBD protocol
// (NetworkBlockDevice/nbd, doc/proto.md), one export, on a Unix socket. Answers in the order of the requests.

import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { DiskRefusal, type VolatileDisk } from './volatile-disk.ts'

const initMagic = 'NBDMAGIC'
const optionMagic = 'IHAVEOPT'
const optionReplyMagic = 0x3e889045565a9n
const requestMagic = 0x25609513
const replyMagic = 0x67446698
const fixedNewstyle = 1
const noZeroes = 2

const option = { exportName: 1, abort: 2, info: 6, go: 7 } as const
const optionReply = { ack: 1, info: 3, unsupported: 0x80000001 } as const
const information = { export: 0, blockSize: 3 } as const
/** HAS_FLAGS, SEND_FLUSH, SEND_FUA. */
const transmissionFlags = 1 | 4 | 8
const command = { read: 0, write: 1, disconnect: 2, flush: 3 } as const
const isForced = 1
const errorOf = { io: 5, invalid: 22 } as const
const requestBytes = 28
/** What the protocol lets a client assume when nothing is said: 32 MiB. */
const transferBytesMax = 32 * 1024 * 1024

export class NbdServer {
  readonly #disk: VolatileDisk
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  /** Flushes begin late by this; asked anew for each. */
  flushDelayMs: () => number = () => 0

  private constructor(disk: VolatileDisk) {
    this.#disk = disk
    this.#server = createServer((socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
      // A client that goes away without a word has lost nothing that was answered.
      socket.on('error', () => undefined)
      this.#serve(socket).catch((error: unknown) => socket.destroy(error instanceof Error ? error : undefined))
    })
  }

  static async listen(disk: VolatileDisk, socketPath: string): Promise<NbdServer> {
    const server = new NbdServer(disk)
    server.#server.listen(socketPath)
    await once(server.#server, 'listening')
    return server
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  async #serve(socket: Socket): Promise<void> {
    const reader = new ByteReader(socket)
    if (!(await this.#shakeHands(socket, reader))) return void socket.end()
    for (;;) {
      const head = await reader.read(requestBytes)
      if (head === null) return
      if (head.readUInt32BE(0) !== requestMagic) throw new Error('not an NBD request')
      const flags = head.readUInt16BE(4)
      const kind = head.readUInt16BE(6)
      const cookie = head.subarray(8, 16)
      const offset = Number(head.readBigUInt64BE(16))
      const length = head.readUInt32BE(24)
      if (kind === command.disconnect) return void socket.end()
      if (length > transferBytesMax) throw new Error(`${length} bytes in one request`)
      const payload = kind === command.write ? await reader.read(length) : null
      const delayMs = kind === command.flush ? this.flushDelayMs() : 0
      if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs))
      const answer = this.#execute(kind, flags, offset, length, payload)
      const reply = Buffer.alloc(16)
      reply.writeUInt32BE(replyMagic, 0)
      reply.writeUInt32BE(typeof answer === 'number' ? answer : 0, 4)
      cookie.copy(reply, 8)
      socket.write(typeof answer === 'number' ? reply : Buffer.concat([reply, answer]))
    }
  }

  /** An error number (0: done) or what was read. */
  #execute(kind: number, flags: number, offset: number, length: number, payload: Buffer | null): number | Buffer {
    const isData = kind === command.read || kind === command.write
    const isMisplaced = offset % 512 !== 0 || length % 512 !== 0 || offset + length > this.#disk.bytes
    if (isData && isMisplaced) return errorOf.invalid
    try {
      if (kind === command.read) return this.#disk.read(offset, length)
      if (kind === command.write && payload !== null) this.#disk.write(offset, payload, (flags & isForced) !== 0)
      else if (kind === command.flush) this.#disk.flush()
      else return errorOf.invalid
      return 0
    } catch (error) {
      if (error instanceof DiskRefusal) return errorOf.io
      throw error
    }
  }

  async #shakeHands(socket: Socket, reader: ByteReader): Promise<boolean> {
    const hello = Buffer.alloc(2)
    hello.writeUInt16BE(fixedNewstyle | noZeroes)
    socket.write(Buffer.concat([Buffer.from(initMagic + optionMagic, 'latin1'), hello]))
    if ((await reader.read(4)) === null) return false
    for (;;) {
      const head = await reader.read(16)
      if (head === null || head.toString('latin1', 0, 8) !== optionMagic) return false
      const kind = head.readUInt32BE(8)
      const length = head.readUInt32BE(12)
      if (length > 4096 || (await reader.read(length)) === null) return false
      const reply = (type: number, data: Buffer) => {
        const bytes = Buffer.alloc(20)
        bytes.writeBigUInt64BE(optionReplyMagic, 0)
        bytes.writeUInt32BE(kind, 8)
        bytes.writeUInt32BE(type, 12)
        bytes.writeUInt32BE(data.length, 16)
        socket.write(Buffer.concat([bytes, data]))
      }
      if (kind === option.exportName) {
        socket.write(this.#export())
        return true
      }
      if (kind === option.info || kind === option.go) {
        const described = Buffer.alloc(2)
        described.writeUInt16BE(information.export)
        reply(optionReply.info, Buffer.concat([described, this.#export()]))
        reply(optionReply.info, blockSizes())
        reply(optionReply.ack, Buffer.alloc(0))
        if (kind === option.go) return true
      } else if (kind === option.abort) {
        reply(optionReply.ack, Buffer.alloc(0))
        return false
      } else reply(optionReply.unsupported, Buffer.alloc(0))
    }
  }

  #export(): Buffer {
    const bytes = Buffer.alloc(10)
    bytes.writeBigUInt64BE(BigInt(this.#disk.bytes), 0)
    bytes.writeUInt16BE(transmissionFlags, 8)
    return bytes
  }
}

/** Least, preferred and largest transfer. */
function blockSizes(): Buffer {
  const bytes = Buffer.alloc(14)
  bytes.writeUInt16BE(information.blockSize, 0)
  bytes.writeUInt32BE(512, 2)
  bytes.writeUInt32BE(4096, 6)
  bytes.writeUInt32BE(transferBytesMax, 10)
  return bytes
}

/** Reads exactly as many bytes as asked from a stream; one reader at a time. */
class ByteReader {
  readonly #socket: Socket
  #isOver = false
  #wake: () => void = () => undefined

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('readable', () => this.#wake())
    for (const event of ['end', 'close']) {
      socket.on(event, () => {
        this.#isOver = true
        this.#wake()
      })
    }
  }

  /** Null: the peer has gone. */
  async read(count: number): Promise<Buffer | null> {
    if (count === 0) return Buffer.alloc(0)
    for (;;) {
      const bytes = this.#socket.read(count) as Buffer | null
      if (bytes !== null) return bytes.length === count ? bytes : null
      if (this.#isOver) return null
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}
