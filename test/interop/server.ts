// A whole AMQP server in this process, on the memory engine and a free port of loopback: what the official SDKs are run
// against when the built daemon is not the subject.

import type { TestContext } from 'node:test'
import { SystemClock } from '../../src/base/clock.ts'
import { type Log, quietLog } from '../../src/base/log.ts'
import { SystemRandom } from '../../src/base/random.ts'
import type { Broker, Caller, HubDescription } from '../../src/daemon/broker/broker-api.ts'
import type { Tier } from '../../src/daemon/broker/tiers.ts'
import { openBroker } from '../../src/daemon/broker/broker.ts'
import type { AmqpLimits } from '../../src/daemon/protocols/amqp/limits.ts'
import { AmqpServer } from '../../src/daemon/protocols/amqp/server.ts'
import { MemoryEngine } from '../../src/daemon/storage/memory-engine.ts'

export interface TestServer {
  readonly broker: Broker
  readonly amqp: AmqpServer
  readonly owner: Caller
  readonly port: number
  readonly key: string
  /** With `UseDevelopmentEmulator=true`. */
  readonly connectionString: string
  createHub(name: string, partitionCount?: number, groups?: readonly string[]): Promise<HubDescription>
}

export interface TestServerOptions {
  readonly tier?: Tier
  readonly limits?: Partial<AmqpLimits>
  readonly log?: Log
}

/** Closed with the test. */
export async function startServer(t: TestContext, options: TestServerOptions = {}): Promise<TestServer> {
  const { tier = 'standard', limits = {}, log = quietLog } = options
  const clock = new SystemClock()
  const random = new SystemRandom()
  const engine = new MemoryEngine()
  const broker = await openBroker({ engine, clock, random, log, options: { tier, durability: 'memory' } })
  const bugs: unknown[] = []
  const amqp = new AmqpServer({
    broker,
    clock,
    random,
    log,
    options: { limits: { closeMs: 200, ...limits }, onBug: (error) => bugs.push(error) },
  })
  const { port } = await amqp.listen({ host: '127.0.0.1', port: 0 })
  t.after(async () => {
    await amqp.close()
    await broker.close()
    await engine.close()
    if (bugs.length > 0) throw bugs[0]
  })
  const owner = broker.ownerCaller('')
  const key = broker.listRules(owner)[0]!.primaryKey
  return {
    broker,
    amqp,
    owner,
    port,
    key,
    connectionString:
      `Endpoint=sb://localhost:${port};SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=${key};` +
      'UseDevelopmentEmulator=true',
    createHub: (name, partitionCount = 4, groups = []) => broker.createHub(owner, { name, partitionCount, groups }),
  }
}

/** Says everything on stderr; for looking at a failing test. */
export const loudLog: Log = {
  debug: (message, fields) => console.error('debug', message, fields ?? ''),
  info: (message, fields) => console.error('info', message, fields ?? ''),
  warn: (message, fields) => console.error('warn', message, fields ?? ''),
  error: (message, fields) => console.error('error', message, fields ?? ''),
  with: () => loudLog,
}
