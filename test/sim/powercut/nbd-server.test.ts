import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { NbdServer } from './nbd-server.ts'
import { VolatileDisk } from './volatile-disk.ts'

/** The client's side, written out from the protocol: `NBD_OPT_GO`, then requests. */
class Client {
  readonly #socket: Socket

  constructor(socket: Socket) {
    this.#socket = socket
  }

  async bytes(count: number): Promise<Buffer> {
    for (;;) {
      const bytes = this.#socket.read(count) as Buffer | null
      if (bytes !== null) return bytes
      await once(this.#socket, 'readable')
    }
  }

  async begin(): Promise<{ size: bigint; flags: number }> {
    assert.equal((await this.bytes(18)).toString('hex'), `${hex('NBDMAGICIHAVEOPT')}0003`)
    // Client flags; IHAVEOPT, option 7 (go), 6 bytes: a name of 0 bytes, 0 requests for information.
    this.#socket.write(Buffer.from(`00000003${hex('IHAVEOPT')}0000000700000006000000000000`, 'hex'))
    const info = await this.bytes(20 + 12)
    // Reply magic, option 7, type 3 (info), 12 bytes; then information 0 (export).
    assert.equal(info.toString('hex', 0, 22), '0003e889045565a90000000700000003' + '0000000c' + '0000')
    const sizes = await this.bytes(20 + 14)
    assert.equal(sizes.toString('hex', 20), '0003' + '00000200' + '00001000' + '02000000')
    const ack = await this.bytes(20)
    assert.equal(ack.toString('hex'), '0003e889045565a9' + '00000007' + '00000001' + '00000000')
    return { size: info.readBigUInt64BE(22), flags: info.readUInt16BE(30) }
  }

  /** The error number of the answer. */
  async request(type: number, offset: number, length: number, payload = Buffer.alloc(0)): Promise<number> {
    const head = Buffer.alloc(28)
    head.writeUInt32BE(0x25609513, 0)
    head.writeUInt16BE(type, 6)
    head.write('a cookie', 8, 'latin1')
    head.writeBigUInt64BE(BigInt(offset), 16)
    head.writeUInt32BE(length, 24)
    this.#socket.write(Buffer.concat([head, payload]))
    const reply = await this.bytes(16)
    assert.equal(reply.readUInt32BE(0), 0x67446698)
    assert.equal(reply.toString('latin1', 8), 'a cookie')
    return reply.readUInt32BE(4)
  }
}

const hex = (text: string) => Buffer.from(text, 'latin1').toString('hex')

async function connected(t: TestContext): Promise<{ disk: VolatileDisk; client: Client }> {
  const folder = mkdtempSync(join(tmpdir(), 'ehub-nbd-'))
  const disk = new VolatileDisk(1024 * 1024)
  const path = join(folder, 'nbd.sock')
  const server = await NbdServer.listen(disk, path)
  const socket = connect(path)
  t.after(async () => {
    socket.destroy()
    await server.close()
    rmSync(folder, { recursive: true, force: true })
  })
  await once(socket, 'connect')
  return { disk, client: new Client(socket) }
}

test('says its size and that it flushes', async (t) => {
  const { client } = await connected(t)
  assert.deepEqual(await client.begin(), { size: 1048576n, flags: 1 | 4 | 8 })
})

test('writes, flushes and reads back; refuses everything once the power is cut', async (t) => {
  const { disk, client } = await connected(t)
  await client.begin()
  assert.equal(await client.request(1, 4096, 512, Buffer.alloc(512, 7)), 0)
  assert.equal(await client.request(3, 0, 0), 0)
  assert.equal(await client.request(0, 4096, 512), 0)
  assert.deepEqual(await client.bytes(512), Buffer.alloc(512, 7))
  disk.cut()
  assert.equal(await client.request(0, 4096, 512), 5)
  assert.equal(await client.request(3, 0, 0), 5)
})

test('requests off the sectors or beyond the end are invalid', async (t) => {
  const { client } = await connected(t)
  await client.begin()
  assert.equal(await client.request(0, 1, 512), 22)
  assert.equal(await client.request(0, 1048576, 512), 22)
  assert.equal(await client.request(4, 0, 512), 22)
})
