// Compaction for those who ask (promises: `broker-api.ts`).

import { type Clock, delay } from '../../base/clock.ts'
import { EhubError } from '../../base/error.ts'
import type { Caller, Compactions } from './broker-api.ts'
import { checkRight } from './callers.ts'
import type { Compaction } from './compaction.ts'
import { CompactionRun } from './compaction-run.ts'
import type { CompactionStatus, CompactionStep, HubCompaction } from './compactions-api.ts'
import type { InProgress } from './in-progress.ts'
import type { Janitor } from './janitor.ts'
import type { OpenHub } from './open-hub.ts'
import type { OpenHubs } from './open-hubs.ts'
import type { Partition } from './partition.ts'
import { hubPath, namespacePath } from './paths.ts'
import { isCompacted } from './settings.ts'
import type { HubState } from './state.ts'

export interface CompactionsInput {
  readonly compaction: Compaction
  readonly janitor: Janitor
  readonly clock: Clock
  readonly hubs: OpenHubs
  readonly inProgress: InProgress
  /** @throws EhubError `hub-not-found`, `server-busy`. */
  readonly find: (namespace: string, hub: string) => HubState
}

/** Who asks is answered after this: often enough for a progress line. */
const answerMs = 250

interface Running {
  readonly run: CompactionRun
  /** Never rejects. */
  readonly ended: Promise<void>
  failure: unknown
}

export class HubCompactions implements Compactions {
  readonly #input: CompactionsInput
  /** By partition; ended ones until somebody was told. */
  readonly #running = new Map<Partition, Running>()
  readonly #stopped = new AbortController()

  constructor(input: CompactionsInput) {
    this.#input = input
  }

  async run(caller: Caller, name: string, index: number): Promise<CompactionStep> {
    checkRight(caller, 'manage', hubPath(name))
    const hub = this.#input.hubs.get(this.#input.find(caller.namespace, name))
    const partition = hub.partitionOfText(String(index))
    if (!isCompacted(hub.state.settings)) {
      throw new EhubError('not-allowed', `hub "${hub.name}" has cleanup "delete": there is nothing to compact`, {
        hint: `ehub update-hub ${hub.name} --cleanup compact`,
      })
    }
    const running = this.#running.get(partition) ?? this.#begin(hub, partition)
    await Promise.race([running.ended, delay(this.#input.clock, answerMs)])
    const step = running.run.step()
    if (running.failure === null && !step.isDone) return step
    this.#running.delete(partition)
    if (running.failure !== null) throw running.failure
    return step
  }

  status(caller: Caller): CompactionStatus {
    checkRight(caller, 'manage', namespacePath)
    const { compaction, janitor, hubs } = this.#input
    const compacted = hubs.all().filter(({ state }) => isCompacted(state.settings))
    return { ...janitor.statusOf(compaction), hubs: compacted.map((hub) => this.#statusOf(hub)) }
  }

  /** Ends what is under way. */
  stop(): void {
    this.#stopped.abort(new EhubError('shutting-down', 'the daemon is stopping'))
  }

  #begin(hub: OpenHub, partition: Partition): Running {
    const { compaction, janitor, inProgress } = this.#input
    const run = new CompactionRun(partition.index)
    const done = inProgress.run(() =>
      janitor.exclusively(partition, () => compaction.compact(hub, partition, this.#stopped.signal, run)),
    )
    const running: Running = {
      run,
      failure: null,
      ended: done.catch((error: unknown) => void (running.failure = error)),
    }
    this.#running.set(partition, running)
    return running
  }

  #statusOf(hub: OpenHub): HubCompaction {
    const { compaction } = this.#input
    let storedBytes = 0
    let dirtyBytes = 0
    for (const partition of hub.partitions) {
      storedBytes += partition.log.statistics().storedBytes
      dirtyBytes += compaction.dirtyBytes(hub, partition)
    }
    const totals = compaction.totals.get(hub.number) ?? {
      runs: 0,
      eventsRemoved: 0,
      bytesRemoved: 0,
      lastRunAtMs: null,
    }
    return { hub: hub.name, ...totals, storedBytes, dirtyBytes }
  }
}
