// Taking events in: singles and batches over one connection, against a stock rhea server and NATS JetStream.

import { type Bench, type BenchContext, pageCacheState } from '../frame/context.ts'
import { type BenchResult, type Figure, ratioBar } from '../frame/result.ts'
import { cpuSecondsOf, runLoad, Worker } from '../frame/workers.ts'
import type { PublisherJob } from '../load/amqp-publisher.ts'
import type { LoadResult } from '../load/job.ts'
import { createStream } from '../load/nats-connection.ts'
import type { NatsPublisherJob } from '../load/nats-publisher.ts'
import { startNats } from '../partners/nats-server.ts'
import { ehubFor } from '../subjects/ehub.ts'

const bodyBytes = 1024
/** As many deliveries in flight as the server's credit and window let through. */
const byCredit = 1_000_000

export interface Turn {
  readonly load: LoadResult
  /** CPU seconds of the server over wall seconds of the turn. */
  readonly serverShare: number
  /** CPU time of the server (user and system, all threads) an event, in microseconds; steadier than wall time on a busy machine. */
  readonly serverMicros: number
}

interface Server {
  readonly port: number
  readonly pid: number
  readonly user?: string
  readonly key?: string
}

/** One turn of publishing against an AMQP server. */
export async function publishTurn(
  server: Server,
  job: Omit<PublisherJob, 'port' | 'user' | 'key' | 'bodyBytes'> & { readonly bodyBytes?: number },
): Promise<Turn> {
  return measured(server.pid, () =>
    runLoad<LoadResult>('load/amqp-publisher.ts', {
      bodyBytes,
      ...job,
      port: server.port,
      user: server.user ?? 'bench',
      key: server.key ?? 'bench',
    } satisfies PublisherJob),
  )
}

export async function measured(pid: number, load: () => Promise<LoadResult>): Promise<Turn> {
  const cpu = cpuSecondsOf(pid) ?? 0
  const began = performance.now()
  const result = await load()
  const used = (cpuSecondsOf(pid) ?? 0) - cpu
  return {
    load: result,
    serverShare: used / ((performance.now() - began) / 1000),
    serverMicros: (used * 1e6) / result.eventsInAll,
  }
}

export async function rheaFor(context: BenchContext, deliver: 'messages' | 'encoded'): Promise<Server> {
  const worker = Worker.start('partners/rhea-server.ts', { bodyBytes, deliver })
  context.after(() => worker.stop())
  return { ...(await worker.ready<{ port: number }>()), pid: worker.pid }
}

export function rateFigure(name: string, turns: readonly Turn[]): Figure {
  const mean = (pick: (turn: Turn) => number) => turns.reduce((sum, turn) => sum + pick(turn), 0) / turns.length
  const share = (pick: (turn: Turn) => number) => `${Math.round(mean(pick) * 100)} %`
  return {
    name,
    unit: 'events/s',
    samples: turns.map((turn) => turn.load.eventsPerSecond),
    detail: `generator CPU ${share((turn) => turn.load.cpuShare)}, server CPU ${share((turn) => turn.serverShare)}, ${mean((turn) => turn.serverMicros).toFixed(2)} us CPU an event`,
  }
}

export function written(name: string, turns: readonly Turn[]): string {
  const events = turns.reduce((sum, turn) => sum + turn.load.eventsInAll, 0)
  return `${name}: ${(events / 1e6).toFixed(2)} M events, ${((events * bodyBytes) / 1e9).toFixed(2)} GB of bodies written`
}

async function runSingles(context: BenchContext): Promise<BenchResult> {
  const ehub = await ehubFor(context, [
    { name: 'os', partitionCount: 4, durability: 'os' },
    { name: 'sync', partitionCount: 4, durability: 'sync' },
  ])
  const rhea = await rheaFor(context, 'encoded')
  const nothing = Worker.start('partners/null-server.ts', {})
  context.after(() => nothing.stop())
  const { port: nothingPort } = await nothing.ready<{ port: number }>()
  const nats = await startNats(context.folder('nats'))
  if (nats !== null) {
    context.after(() => nats.stop())
    await createStream(nats.port, 'events')
  }
  const window = { warmUpMs: 400, seconds: context.either(1.6, 1) }
  const singles = { connections: 1, batchEvents: 1, inFlight: byCredit, ...window }
  const turns = await context.turns<'os' | 'rhea' | 'sync' | 'nats' | 'nothing', Turn>({
    os: () => publishTurn(ehub, { addresses: ['os'], ...singles }),
    rhea: () => publishTurn(rhea, { addresses: ['events'], ...singles }),
    sync: () => publishTurn(ehub, { addresses: ['sync'], ...singles }),
    nats:
      nats === null
        ? null
        : () =>
            measured(nats.pid, () =>
              runLoad<LoadResult>('load/nats-publisher.ts', {
                port: nats.port,
                stream: 'events',
                bodyBytes,
                inFlight: 1_000,
                ...window,
              } satisfies NatsPublisherJob),
            ),
    nothing: () => publishTurn({ port: nothingPort, pid: nothing.pid }, { addresses: ['events'], ...singles }),
  })
  const os = rateFigure('ehub os', turns.os)
  const sync = rateFigure('ehub sync', turns.sync)
  const stock = rateFigure('stock rhea (stores nothing)', turns.rhea)
  const jetStream = nats === null ? undefined : rateFigure(`NATS ${nats.version}, JetStream on file`, turns.nats)
  const ceiling = rateFigure('generator against an empty server', turns.nothing)
  return {
    figures: [os, sync, stock, ...(jetStream === undefined ? [] : [jetStream]), ceiling],
    bars: [
      ratioBar('singles of 1 KB, os, over stock rhea', os, stock, 'at-least', 4),
      ratioBar('singles of 1 KB, os, over NATS', os, jetStream, 'at-least', 3),
      ratioBar('singles of 1 KB, sync, over stock rhea', sync, stock, 'at-least', 3),
    ],
    notes: [
      'one connection, one sender link to a hub of 4 partitions, unsettled, in flight what the server grants; NATS 1,000 in flight',
      written('ehub os', turns.os),
      written('ehub sync', turns.sync),
      ...(nats === null ? ['nats-server is not installed: skipped'] : [written('NATS', turns.nats)]),
      pageCacheState(),
    ],
  }
}

async function runBatches(context: BenchContext): Promise<BenchResult> {
  const ehub = await ehubFor(context, [
    { name: 'os', partitionCount: 4, durability: 'os' },
    { name: 'sync', partitionCount: 4, durability: 'sync' },
  ])
  const rhea = await rheaFor(context, 'encoded')
  const batches = {
    connections: 1,
    batchEvents: 100,
    inFlight: 200,
    warmUpMs: 400,
    seconds: context.either(1.6, 1),
  }
  const turns = await context.turns<'sync' | 'rhea' | 'os', Turn>({
    sync: () => publishTurn(ehub, { addresses: ['sync'], ...batches }),
    rhea: () => publishTurn(rhea, { addresses: ['events'], ...batches }),
    os: () => publishTurn(ehub, { addresses: ['os'], ...batches }),
  })
  const sync = rateFigure('ehub sync', turns.sync)
  const os = rateFigure('ehub os', turns.os)
  const stock = rateFigure('stock rhea (stores nothing)', turns.rhea)
  return {
    figures: [sync, os, stock],
    bars: [ratioBar('batches of 100 × 1 KB, sync, over stock rhea', sync, stock, 'at-least', 1)],
    notes: [
      'one connection, one sender link to a hub of 4 partitions, unsettled, at most 200 batches in flight',
      written('ehub sync', turns.sync),
      written('ehub os', turns.os),
      pageCacheState(),
    ],
  }
}

export const singles: Bench = {
  name: 'singles',
  writesMuch: true,
  title: 'Single events of 1 KB in, one connection',
  run: runSingles,
}
export const batches: Bench = {
  name: 'batches',
  writesMuch: true,
  title: 'Batches of 100 events of 1 KB in, one connection',
  run: runBatches,
}
