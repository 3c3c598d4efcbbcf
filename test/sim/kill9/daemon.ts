// A daemon for the kill -9 runs: the product's engine, broker and AMQP server on a real folder, with files so small that
// they roll, recycle and are trimmed all the time. Says where it listens on its first line.

import { SystemClock } from '../../../src/base/clock.ts'
import type { Log } from '../../../src/base/log.ts'
import { SystemRandom } from '../../../src/base/random.ts'
import { openBroker } from '../../../src/daemon/broker/broker.ts'
import { AmqpServer } from '../../../src/daemon/protocols/amqp/server.ts'
import { openEmbeddedEngine } from '../../../src/daemon/storage/embedded-engine.ts'
import { NodeDisk } from '../../../src/daemon/storage/node-disk.ts'
import { smallEngineOptions } from '../engines.ts'

const [folder = '', port = '0', hub = 'h', partitions = '4'] = process.argv.slice(2)
const clock = new SystemClock()
const line = (level: string) => (message: string, fields?: object) => {
  process.stderr.write(`${new Date(clock.now()).toISOString()} ${level} ${message} ${JSON.stringify(fields ?? {})}\n`)
}
/** Warnings and errors to standard error. */
const log: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: line('WARN'),
  error: line('ERROR'),
  with: () => log,
}
const random = new SystemRandom()
const engine = await openEmbeddedEngine({
  disk: new NodeDisk(folder),
  clock,
  random,
  log,
  options: smallEngineOptions,
})
const broker = await openBroker({
  engine,
  clock,
  random,
  log,
  options: { segmentBytes: 256 * 1024, snapshotEveryBytes: 64 * 1024 },
})
const owner = broker.ownerCaller('')
await broker.createHub(owner, { name: hub, partitionCount: Number(partitions), ifNotExists: true })
const server = new AmqpServer({ broker, clock, random, log })
const listener = await server.listen({ host: '127.0.0.1', port: Number(port) })
const key = broker.listRules(owner)[0]?.primaryKey ?? ''
process.stdout.write(`${JSON.stringify({ port: listener.port, key })}\n`)

process.on('SIGTERM', () => {
  void (async () => {
    await server.drain(5000)
    await broker.drain()
    await server.close()
    await broker.close()
    await engine.close()
    process.exit(0)
  })()
})
