// ehub as the subject of the benches: the built daemon when there is one, else (or with EHUB_BENCH_SUBJECT=sources) the same
// engine, broker and AMQP server put together from the sources, which is also how profiles with function names are taken.

import type { BenchContext } from '../frame/context.ts'
import { Worker } from '../frame/workers.ts'
import { daemonExists, startDaemon } from './daemon.ts'

export interface HubSpec {
  readonly name: string
  readonly partitionCount: number
  readonly durability: 'sync' | 'os' | 'memory'
  /** Into a folder beside the data, files of 100 MiB. */
  readonly isCaptured?: boolean
}

export interface Ehub {
  readonly port: number
  readonly user: string
  readonly key: string
  readonly pid: number
  stop(): Promise<void>
}

export interface StartEhub {
  /** Data folder, inside the bench's own. */
  readonly folder: string
  readonly hubs: readonly HubSpec[]
  readonly nodeFlags?: readonly string[]
}

export async function startEhub(options: StartEhub): Promise<Ehub> {
  if (process.env['EHUB_BENCH_SUBJECT'] !== 'sources' && daemonExists()) return startDaemon(options)
  const worker = Worker.start(
    'subjects/assembled.ts',
    { folder: options.folder, hubs: options.hubs },
    options.nodeFlags === undefined ? {} : { nodeFlags: options.nodeFlags },
  )
  const ready = await worker.ready<{ port: number; user: string; key: string }>()
  return { ...ready, pid: worker.pid, stop: () => worker.stop() }
}

/** Started for one bench and stopped after it. */
export async function ehubFor(context: BenchContext, hubs: readonly HubSpec[]): Promise<Ehub> {
  const ehub = await startEhub({ folder: context.folder('ehub'), hubs })
  context.after(() => ehub.stop())
  return ehub
}
