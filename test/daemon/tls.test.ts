import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { chmodSync, copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { connect, createServer } from 'node:tls'
import { type Clock, SystemClock } from '../../src/base/clock.ts'
import { SystemRandom } from '../../src/base/random.ts'
import { serverTls, tlsVersionMin } from '../../src/daemon/tls.ts'

const system = new SystemClock()
const random = new SystemRandom()

function place(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'ehub-tls-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return join(folder, 'tls')
}

function laterBy(days: number): Clock {
  return {
    now: () => system.now() + days * 86_400_000,
    monotonicMs: () => 0,
    schedule: () => ({ cancel() {} }),
  }
}

describe('certificates', () => {
  test('are made once, private, and for every name of this machine', async (t) => {
    const folder = place(t)
    const options = { folder, hostName: 'box.example', clock: system, random }
    const first = await serverTls(options)
    assert.deepEqual(await serverTls(options), first)
    for (const name of readdirSync(folder)) assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600, name)
    const certificate = new X509Certificate(first.certificate)
    for (const name of ['localhost', 'box.example']) assert.equal(certificate.checkHost(name), name)
    for (const address of ['127.0.0.1', '::1']) assert.equal(certificate.checkIP(address), address)
    assert.equal(certificate.checkHost('other.example'), undefined)
  })

  test('a client that trusts the authority gets through, another does not', async (t) => {
    const { certificate, key, caFile } = await serverTls({ folder: place(t), hostName: 'box', clock: system, random })
    const server = createServer({ cert: certificate, key, minVersion: tlsVersionMin }, (socket) => socket.end('hello'))
    server.on('tlsClientError', () => undefined)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.after(() => server.close())
    const address = server.address()
    assert.ok(typeof address === 'object' && address !== null)
    const dial = (ca: string | undefined, maxVersion: 'TLSv1.1' | 'TLSv1.3') =>
      new Promise<string>((resolve, reject) => {
        const socket = connect({
          port: address.port,
          host: '127.0.0.1',
          servername: 'localhost',
          ca,
          maxVersion,
          minVersion: 'TLSv1',
        })
        socket.on('data', (chunk) => resolve(chunk.toString()))
        socket.on('error', reject)
      })
    const ca = readFileSync(caFile, 'utf8')
    assert.equal(await dial(ca, 'TLSv1.3'), 'hello')
    await assert.rejects(dial(undefined, 'TLSv1.3'), { code: /UNABLE_TO_VERIFY|SELF_SIGNED/ })
    await assert.rejects(dial(ca, 'TLSv1.1'), { code: /ERR_SSL|ECONNRESET/ })
  })

  test('another name or a lapsing certificate is issued anew by the same authority', async (t) => {
    const folder = place(t)
    const first = await serverTls({ folder, hostName: 'box', clock: system, random })
    const ca = readFileSync(first.caFile, 'utf8')
    const renamed = await serverTls({ folder, hostName: 'other', clock: system, random })
    assert.notEqual(renamed.certificate, first.certificate)
    const renewed = await serverTls({ folder, hostName: 'other', clock: laterBy(380), random })
    assert.notEqual(renewed.certificate, renamed.certificate)
    assert.ok(new X509Certificate(renewed.certificate).verify(new X509Certificate(ca).publicKey))
    assert.equal(readFileSync(renewed.caFile, 'utf8'), ca)
  })

  test('several that start at once agree on one authority', async (t) => {
    const options = { folder: place(t), hostName: 'box', clock: system, random }
    const all = await Promise.all([serverTls(options), serverTls({ ...options }), serverTls({ ...options })])
    const ca = new X509Certificate(readFileSync(all[0].caFile, 'utf8'))
    for (const { certificate } of all) assert.ok(new X509Certificate(certificate).verify(ca.publicKey))
  })

  test('an authority whose parts do not belong together is replaced', async (t) => {
    const folder = place(t)
    const options = { folder, hostName: 'box', clock: system, random }
    await serverTls(options)
    copyFileSync(join(folder, 'server.key'), join(folder, 'ca.key'))
    const { certificate, caFile } = await serverTls(options)
    assert.ok(new X509Certificate(certificate).verify(new X509Certificate(readFileSync(caFile, 'utf8')).publicKey))
  })

  test('a key open to others is refused', async (t) => {
    const folder = place(t)
    const options = { folder, hostName: 'box', clock: system, random }
    await serverTls(options)
    chmodSync(join(folder, 'server.key'), 0o644)
    await assert.rejects(serverTls(options), { code: 'tls-failed', hint: /chmod 600/ })
  })
})
