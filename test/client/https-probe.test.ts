import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { SystemClock } from '../../src/base/clock.ts'
import { SystemRandom } from '../../src/base/random.ts'
import { probeHttps } from '../../src/client/https-probe.ts'
import { serverTls } from '../../src/daemon/tls.ts'

async function listening(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'ehub-probe-'))
  const tls = await serverTls({
    folder: join(folder, 'tls'),
    hostName: 'here',
    clock: new SystemClock(),
    random: new SystemRandom(),
  })
  const server = createServer({ cert: tls.certificate, key: tls.key }, (_, response) =>
    response.writeHead(426).end('no'),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
    rmSync(folder, { recursive: true })
  })
  return { folder, caFile: tls.caFile, port: (server.address() as AddressInfo).port }
}

test('a port that answers with a certificate of its authority is well, whatever it answers', async (t) => {
  const { port, caFile } = await listening(t)
  assert.equal(await probeHttps({ host: '127.0.0.1', port, caFile, timeoutMs: 5000 }), null)
})

test('another authority, a closed port and a missing file are told apart', async (t) => {
  const { folder, port, caFile } = await listening(t)
  const other = join(folder, 'other.pem')
  const foreign = await serverTls({
    folder: join(folder, 'foreign'),
    hostName: 'x',
    clock: new SystemClock(),
    random: new SystemRandom(),
  })
  writeFileSync(other, foreign.certificate)
  const probe = (more: object) => probeHttps({ host: '127.0.0.1', port, caFile, timeoutMs: 5000, ...more })
  assert.match((await probe({ caFile: other })) ?? '', /certificate|self.signed|verify/i)
  assert.match((await probe({ port: 1 })) ?? '', /ECONNREFUSED/)
  assert.match((await probe({ caFile: join(folder, 'none') })) ?? '', /ENOENT/)
})
