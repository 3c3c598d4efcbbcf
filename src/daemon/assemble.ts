// The circuit diagram: disk → engine → broker → protocol servers → control API → record. Constructs everything in order,
// passing dependencies by name, and takes it down in the reverse order. Nothing else wires.

import { createServer, type Server } from 'node:https'
import { join } from 'node:path'
import { AdjustableClock } from '../base/adjustable-clock.ts'
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Machine } from '../base/machine.ts'
import type { Random } from '../base/random.ts'
import type { PortsInfo, StatusReply } from '../wire/control/contract.ts'
import { openBroker } from './broker/broker.ts'
import type { Broker, Caller } from './broker/broker-api.ts'
import { openBlobFiles } from './blob-files.ts'
import { openCapture } from './capture.ts'
import { certificates } from './certificates.ts'
import { clockControl } from './clock-control.ts'
import type { DaemonConfig } from './config.ts'
import { diagnose } from './diagnose.ts'
import { prepareRendezvous, publishRecord, type Rendezvous, withdrawRecord } from './discovery.ts'
import { type History, historyKey, LagHistory } from './observe/lag-history.ts'
import { LagSampler } from './observe/lag-sampler.ts'
import { MemoryHistory } from './observe/memory-history.ts'
import { loopbackOf, openPort, type PortChoice, type PortPurpose } from './ports.ts'
import { AmqpServer } from './protocols/amqp/server.ts'
import { captureHandlers, captureReply } from './protocols/capture/control-operations.ts'
import { HealthServer } from './protocols/http/health-server.ts'
import { metricsContentType, renderMetrics } from './protocols/http/metrics.ts'
import { BlobServer } from './protocols/blob/server.ts'
import { controlHandlers, type LagView } from './protocols/control/operations.ts'
import { ControlServer } from './protocols/control/server.ts'
import { openEmbeddedEngine } from './storage/embedded-engine.ts'
import { MemoryEngine } from './storage/memory-engine.ts'
import { NodeDisk } from './storage/node-disk.ts'
import type { StorageEngine } from './storage/storage-engine.ts'
import { type ServerTls, tlsVersionMin } from './tls.ts'

export interface DaemonParts {
  readonly config: DaemonConfig
  /** Names this daemon in the runtime folder. */
  readonly key: string
  readonly logFile: string | null
  readonly version: string
  readonly argv: readonly string[]
  readonly startedIn: string
  /** Command that runs this program again; null: there is none. */
  readonly self: readonly string[] | null
  readonly machine: Machine
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** Asked through the control API to end. */
  readonly onShutdown: (graceMs: number | null) => void
  readonly onBug: (error: unknown) => void
}

export interface Daemon {
  status(): StatusReply
  /** Stops accepting, answers what is in flight for at most `graceMs`, makes everything durable, gives everything back. */
  stop(graceMs: number): Promise<void>
}

/** Resolves when clients are served and the daemon can be found. On failure everything opened so far is closed again. */
export async function assembleDaemon(parts: DaemonParts): Promise<Daemon> {
  const opened = new Teardown(parts.log)
  try {
    return await assemble(parts, opened)
  } catch (error) {
    await opened.run()
    throw error
  }
}

async function assemble(parts: DaemonParts, opened: Teardown): Promise<Daemon> {
  const { config, random, log } = parts
  const machineClock = parts.clock
  // What events, groups and tokens go by. Storage and connections stay with the machine's: disks and peers do.
  const clock = config.isClockAdjustable ? new AdjustableClock(machineClock) : machineClock
  const engine = await openEngine(parts)
  opened.add('storage', () => engine.close())
  const broker = await openBroker({
    engine,
    clock,
    random,
    log: log.with({ part: 'broker' }),
    options: { tier: config.tier, durability: config.durability },
  })
  opened.add('broker', () => broker.close())
  const owner = broker.ownerCaller('')
  for (const { name, partitionCount } of config.hubs) {
    await broker.createHub(owner, { name, ifNotExists: true, ...(partitionCount === null ? {} : { partitionCount }) })
  }

  const rendezvous = prepareRendezvous(parts.machine, parts.key)
  const tls = config.isTlsOn ? await openTls(parts, rendezvous) : null
  const amqp = new AmqpServer({
    broker,
    clock: machineClock,
    random,
    log: log.with({ part: 'amqp' }),
    options: { onBug: parts.onBug },
  })
  opened.add('amqp', () => amqp.close())
  const blob = new BlobServer({
    blobs: broker.blobs,
    files: await openBlobFiles(config.dataFolder, broker, random),
    clock: machineClock,
    random,
    log: log.with({ part: 'blob' }),
    onBug: parts.onBug,
  })
  const startedAtMs = machineClock.now()
  const lag = await openLag({ ...parts, clock }, broker, owner, opened)
  let blobPort: number | null = null
  const capture = openCapture({
    broker,
    dataFolder: config.dataFolder,
    env: parts.machine.env,
    blobOrigin: () => (blobPort === null ? null : `http://${loopbackOf(config.bind)}:${blobPort}`),
    clock,
    machineClock,
    log: log.with({ part: 'capture' }),
    onBug: parts.onBug,
  })
  opened.add('capture', () => capture.stop())
  const health = new HealthServer({
    refusing: () => engine.status().refusing,
    metrics: () =>
      renderMetrics({
        broker,
        caller: owner,
        engine: () => engine.status(),
        lag: () => lag.snapshot,
        capture: () => capture.all().map(captureReply),
        connections: () => amqp.connectionCount,
        startedAtMs,
        version: parts.version,
      }),
    metricsContentType,
    onBug: parts.onBug,
  })
  const network = await openNetwork(parts, { amqp, blob, health }, tls, opened)
  blobPort = network.ports.blob

  const status = (): StatusReply => ({
    pid: process.pid,
    version: parts.version,
    startedAtMs,
    dataFolder: config.dataFolder,
    durability: config.durability,
    tier: config.tier,
    bind: config.bind,
    ports: network.ports,
    hubs: broker.listHubs(owner).length,
    connections: amqp.connectionCount,
    rssBytes: process.memoryUsage.rss(),
    storedBytes: storedBytes(broker, owner),
    caFile: tls?.caFile ?? null,
    logFile: parts.logFile,
    warnings: network.warnings,
    clockAheadMs: clock instanceof AdjustableClock ? clock.aheadMs : 0,
  })
  const control = new ControlServer({
    handlers: controlHandlers(
      broker,
      owner,
      {
        nowMs: () => clock.now(),
        clock: clockControl(clock, () => broker.retention.status(owner).doubt),
        status,
        shutdown: parts.onShutdown,
        diagnose: async () =>
          diagnose({
            broker,
            caller: owner,
            status: status(),
            engine: engine.status(),
            space: config.dataFolder === null ? null : await new NodeDisk(config.dataFolder).space(),
            certificate: tls?.certificate ?? null,
            capture: capture.all().map(captureReply),
            nowMs: clock.now(),
          }),
      },
      lag,
      captureHandlers(capture, broker.captures, owner.namespace),
    ),
    log: log.with({ part: 'control' }),
    onBug: parts.onBug,
  })
  capture.start()
  await control.listen(rendezvous.socketPath)
  opened.add('control', () => control.close())
  publishRecord(rendezvous, {
    pid: process.pid,
    version: parts.version,
    socketPath: rendezvous.socketPath,
    dataFolder: config.dataFolder,
    startedAtMs,
    argv: parts.argv,
    startedIn: parts.startedIn,
  })

  return {
    status,
    stop: async (graceMs) => {
      try {
        await within(machineClock, graceMs, Promise.all([amqp.drain(graceMs), broker.drain()]), () => {
          log.warn('not everything in flight was answered', { graceMs })
        })
      } finally {
        await opened.run()
      }
      // Last: a client that no longer finds the daemon may take its folder.
      withdrawRecord(rendezvous, process.pid)
    },
  }
}

function openEngine({ config, clock, random, log }: DaemonParts): Promise<StorageEngine> | StorageEngine {
  if (config.dataFolder === null) return new MemoryEngine()
  return openEmbeddedEngine({
    disk: new NodeDisk(config.dataFolder),
    clock,
    random,
    log: log.with({ part: 'storage' }),
    options: {},
  })
}

// Under the data folder's lock: of two starters only one makes them.
async function openLag(
  { config, clock, log }: DaemonParts,
  broker: Broker,
  caller: Caller,
  opened: Teardown,
): Promise<LagView> {
  const lines = log.with({ part: 'lag' })
  const history: History =
    config.dataFolder === null ? new MemoryHistory() : new LagHistory(new NodeDisk(config.dataFolder), lines)
  opened.add('lag history', () => history.close())
  const sampler = new LagSampler({
    broker,
    caller,
    clock,
    log: lines,
    sampleMs: config.lagSampleMs,
    onSample: (snapshot) => history.keep(snapshot),
  })
  opened.add('lag', () => sampler.stop())
  await sampler.start()
  return {
    get snapshot() {
      return sampler.snapshot
    },
    sample: () => sampler.sample(),
    noteDeliberateMove: (hub, group, partition) => sampler.noteDeliberateMove(hub, group, partition),
    history: (hub, group, partition, fromMs) => history.read(historyKey(hub, group, partition), fromMs, clock.now()),
  }
}

function openTls({ config, machine, clock, random, self }: DaemonParts, rendezvous: Rendezvous): Promise<ServerTls> {
  // Without a data folder the authority lives where the daemon can be found.
  const folder = config.dataFolder === null ? join(rendezvous.folder, 'tls') : join(config.dataFolder, 'tls')
  return certificates({ folder, hostName: machine.hostName, clock, random }, self)
}

interface Servers {
  readonly amqp: AmqpServer
  readonly blob: BlobServer
  readonly health: HealthServer
}

interface Network {
  readonly ports: PortsInfo
  readonly warnings: readonly string[]
}

const purposes = {
  amqp: { name: 'AMQP', flag: '--amqp-port', isEssential: true },
  amqps: { name: 'AMQP over TLS', flag: '--amqps-port', isEssential: false },
  https: { name: 'HTTPS and WebSockets', flag: '--https-port', isEssential: false },
  blob: { name: 'checkpoints in blobs', flag: '--blob-port', isEssential: false },
  health: { name: 'health and metrics', flag: '--health-port', isEssential: false },
} as const satisfies Record<keyof PortsInfo, PortPurpose>

async function openNetwork(
  { config, log }: DaemonParts,
  { amqp, blob, health }: Servers,
  tls: ServerTls | null,
  opened: Teardown,
): Promise<Network> {
  const host = config.bind
  const warnings: string[] = []
  const open = async (purpose: PortPurpose, choice: PortChoice, listen: (port: number) => Promise<number>) => {
    const result = await openPort(purpose, choice, host, listen)
    if ('port' in result) return result.port
    warnings.push(result.skipped)
    log.warn(result.skipped)
    return null
  }
  const amqpPort = await open(purposes.amqp, config.amqpPort, async (port) => (await amqp.listen({ host, port })).port)
  const blobPort = await open(purposes.blob, config.blobPort, (port) => blob.listen(host, port))
  if (blobPort !== null) opened.add('blob', () => blob.close())
  const healthPort = await open(purposes.health, config.healthPort, (port) => health.listen(host, port))
  if (healthPort !== null) opened.add('health', () => health.close())
  const plain = { amqp: amqpPort, blob: blobPort, health: healthPort }
  if (tls === null) return { ports: { ...plain, amqps: null, https: null }, warnings }

  const credentials = { cert: tls.certificate, key: tls.key, minVersion: tlsVersionMin }
  const amqpsPort = await open(
    purposes.amqps,
    config.amqpsPort,
    async (port) => (await amqp.listen({ host, port, tls: credentials })).port,
  )
  const https = createServer(credentials, (_, response) => {
    // Publishing over HTTP is a protocol of its own; this port carries WebSockets.
    response.writeHead(426, { connection: 'close', upgrade: 'websocket' }).end()
  })
  amqp.attachWebSockets(https)
  const httpsPort = await open(purposes.https, config.httpsPort, (port) => listenHttps(https, host, port))
  if (httpsPort !== null) opened.add('https', () => closeHttps(https))
  return { ports: { ...plain, amqps: amqpsPort, https: httpsPort }, warnings }
}

function listenHttps(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : port)
    })
  })
}

function closeHttps(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

function storedBytes(broker: Broker, owner: Caller): number {
  let bytes = 0
  for (const hub of broker.listHubs(owner)) {
    for (let partition = 0; partition < hub.partitionCount; partition += 1) {
      bytes += broker.describePartition(owner, hub.name, String(partition)).storedBytes
    }
  }
  return bytes
}

// Closes what was opened, newest first; a failure is logged and the rest is closed all the same.
class Teardown {
  readonly #log: Log
  readonly #steps: { readonly name: string; readonly close: () => Promise<void> }[] = []

  constructor(log: Log) {
    this.#log = log
  }

  add(name: string, close: () => Promise<void>): void {
    this.#steps.push({ name, close })
  }

  async run(): Promise<void> {
    for (const { name, close } of this.#steps.splice(0).toReversed()) {
      try {
        await close()
      } catch (error) {
        this.#log.error('closing failed', {
          part: name,
          reason: error instanceof Error ? error.message : String(error),
        })
      }
    }
  }
}

/** Waits for `work` at most `limitMs`, then calls `onLate` and goes on; a failure of `work` is passed on. */
function within(clock: Clock, limitMs: number, work: Promise<unknown>, onLate: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = clock.schedule(limitMs, () => {
      onLate()
      resolve()
    })
    work.then(
      () => {
        timer.cancel()
        resolve()
      },
      (error: unknown) => {
        timer.cancel()
        reject(error instanceof Error ? error : new Error(String(error)))
      },
    )
  })
}
