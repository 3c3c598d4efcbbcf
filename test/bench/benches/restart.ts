// How long a killed daemon takes until it accepts an event again: partitions full of data, a publisher at work, kill -9, start,
// first acceptance. The whole size, 1,000 partitions and 10 GiB, is run by `--full`.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import type { Bench, BenchContext } from '../frame/context.ts'
import { type Bar, type BenchResult, type Figure, valueBar } from '../frame/result.ts'
import { percentile } from '../frame/statistics.ts'
import { cpuSecondsOf, memoryOf, runLoad, Worker } from '../frame/workers.ts'
import type { FirstJob, FirstResult } from '../load/amqp-first.ts'
import type { PublisherJob } from '../load/amqp-publisher.ts'
import type { LoadResult } from '../load/job.ts'
import { daemonExists, environmentIn, executable, startDaemon } from '../subjects/daemon.ts'

interface Size {
  readonly partitions: number
  readonly bytes: number
  readonly restarts: number
}

const mib = 1024 * 1024
const batchEvents = 50
const bodyBytes = 1024
/** As many partitions as one publisher fills at a time. */
const addressesMax = 1000
const hubPartitionsMax = 1000

async function run(context: BenchContext): Promise<BenchResult> {
  if (!daemonExists()) return { figures: [], bars: [], notes: ['build/ehub is not built (npm run build): skipped'] }
  const usual = context.either<Size>(
    { partitions: 200, bytes: 512 * mib, restarts: 5 },
    { partitions: 50, bytes: 64 * mib, restarts: 3 },
  )
  const whole: readonly Size[] = [
    { partitions: 1000, bytes: 10 * 1024 * mib, restarts: 20 },
    { partitions: 10_000, bytes: 0, restarts: 5 },
  ]
  const figures: Figure[] = []
  const bars: Bar[] = []
  const notes: string[] = []
  for (const [index, size] of (context.isFull ? whole : [usual]).entries()) {
    const killed = await measure(context, context.folder(`ehub-${index}`), size)
    const label = `${size.partitions} partitions, ${Math.round(size.bytes / mib)} MiB`
    const all = killed.map((restart) => restart.acceptedMs).sort((a, b) => a - b)
    const p99 = { name: `${label}: p99`, unit: 'ms' as const, samples: [percentile(all, 0.99)] }
    const first = killed.map((restart) => restart.firstCpuMs)
    figures.push({
      name: `${label}: kill -9 to accepted`,
      unit: 'ms',
      samples: all,
      detail: `CPU of the start ${Math.round(Math.max(...first))} ms at most, RSS ${Math.round(Math.max(...killed.map(({ rss }) => rss)) / 1e6)} MB`,
    })
    figures.push(p99)
    if (size.partitions <= 1000) bars.push(valueBar(`restart after kill -9, ${label}, p99`, p99, 'at-most', 5000))
    notes.push(
      `${label}: ${killed.length} times, from the start of the process to the first accepted event, a publisher at work when killed`,
    )
  }
  if (!context.isFull) notes.push('1,000 partitions with 10 GiB, and 10,000: npm run bench -- --only restart --full')
  notes.push('the daemon is allowed 1,024 open files; the page cache is as warm as the kill leaves it')
  return { figures, bars, notes }
}

interface Restart {
  readonly acceptedMs: number
  /** CPU the process had used when the event was accepted. */
  readonly firstCpuMs: number
  readonly rss: number
}

async function measure(context: BenchContext, folder: string, size: Size): Promise<readonly Restart[]> {
  const hubs = Array.from({ length: Math.ceil(size.partitions / hubPartitionsMax) }, (_, index) => ({
    name: `h${index}`,
    partitionCount: Math.min(hubPartitionsMax, size.partitions - index * hubPartitionsMax),
    durability: 'sync' as const,
  }))
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const first = await startDaemon({ folder, hubs })
  const { user, key } = first
  const addresses = hubs.flatMap(({ name, partitionCount }) =>
    Array.from({ length: partitionCount }, (_, partition) => `${name}/Partitions/${partition}`),
  )
  const publishing = {
    user,
    key,
    addresses: addresses.slice(0, addressesMax),
    connections: 1,
    bodyBytes,
    batchEvents,
    warmUpMs: 0,
  }
  const events = Math.ceil(size.bytes / bodyBytes / batchEvents) * batchEvents
  if (events > 0) {
    context.say(`filling ${size.partitions} partitions with ${Math.round(size.bytes / mib)} MiB`)
    const job = { ...publishing, port: first.port, inFlight: 400, seconds: 0, eventsMax: events }
    await runLoad<LoadResult>('load/amqp-publisher.ts', job satisfies PublisherJob, 1_800_000)
  }
  await first.stop()
  context.flushDisk()

  const restarts: Restart[] = []
  const port = first.port
  let daemon = spawnDaemon(folder, port)
  context.after(() => {
    daemon.kill('SIGKILL')
  })
  await firstAccepted({ port, user, key, address: 'h0/Partitions/0' })
  for (let round = 0; round < size.restarts; round++) {
    const load = Worker.start('load/amqp-publisher.ts', {
      ...publishing,
      port,
      inFlight: 50,
      seconds: 600,
    } satisfies PublisherJob)
    await load.ready(60_000)
    load.go()
    await new Promise((resolve) => setTimeout(resolve, 1000))
    const gone = once(daemon, 'exit')
    daemon.kill('SIGKILL')
    await gone
    await load.stop()
    const address = addresses[(round * 37) % addresses.length] ?? 'h0/Partitions/0'
    const waiting = Worker.start('load/amqp-first.ts', { port, user, key, address } satisfies FirstJob)
    await waiting.ready()
    waiting.go()
    const startedAt = process.hrtime.bigint()
    daemon = spawnDaemon(folder, port)
    const { acceptedAt } = await waiting.result<FirstResult>(120_000)
    const { cpuMs, rss } = usedBy(daemon)
    await waiting.stop()
    restarts.push({ acceptedMs: Number(BigInt(acceptedAt) - startedAt) / 1e6, firstCpuMs: cpuMs, rss })
  }
  const gone = once(daemon, 'exit')
  daemon.kill('SIGKILL')
  await gone
  return restarts
}

async function firstAccepted(job: FirstJob): Promise<void> {
  await runLoad<FirstResult>('load/amqp-first.ts', job)
}

function usedBy({ pid = 0 }: ChildProcess): { readonly cpuMs: number; readonly rss: number } {
  return { cpuMs: (cpuSecondsOf(pid) ?? 0) * 1000, rss: memoryOf(pid)?.rssBytes ?? 0 }
}

/** In the foreground, on the port it had. */
function spawnDaemon(folder: string, port: number): ChildProcess {
  const flags = [
    '--amqp-port',
    String(port),
    '--tls',
    'off',
    '--blob-port',
    '0',
    '--health-port',
    '0',
    '--tier',
    'unlimited',
  ]
  const script = 'ulimit -n 1024; exec "$0" "$@"'
  return spawn('sh', ['-c', script, executable, 'daemon', 'run', ...flags, '--log-level', 'error'], {
    env: environmentIn(folder),
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}

export const restart: Bench = {
  name: 'restart',
  writesMuch: true,
  title: 'From kill -9 to the first accepted event',
  run,
}
