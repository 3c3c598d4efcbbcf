// The blob endpoint of a broker, on a free port of loopback; closed with the test.

import type { TestContext } from 'node:test'
import { SystemClock } from '../../../src/base/clock.ts'
import { quietLog } from '../../../src/base/log.ts'
import { SystemRandom } from '../../../src/base/random.ts'
import type { Broker } from '../../../src/daemon/broker/broker-api.ts'
import { BlobServer } from '../../../src/daemon/protocols/blob/server.ts'

export interface BlobEndpoint {
  /** With the account's name in it. */
  readonly url: string
  readonly accountName: string
  readonly accountKey: string
  readonly connectionString: string
}

export async function startBlobEndpoint(t: TestContext, broker: Broker): Promise<BlobEndpoint> {
  const { blobs } = broker
  const bugs: unknown[] = []
  const server = new BlobServer({
    blobs,
    files: null,
    clock: new SystemClock(),
    random: new SystemRandom(),
    log: quietLog,
    onBug: (error) => bugs.push(error),
  })
  const port = await server.listen('127.0.0.1', 0)
  t.after(async () => {
    await server.close()
    if (bugs.length > 0) throw bugs[0]
  })
  const { name: accountName, key: accountKey } = blobs.account
  const url = `http://127.0.0.1:${port}/${accountName}`
  return {
    url,
    accountName,
    accountKey,
    connectionString: `DefaultEndpointsProtocol=http;AccountName=${accountName};AccountKey=${accountKey};BlobEndpoint=${url};`,
  }
}
