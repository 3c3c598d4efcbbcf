// What the broker does to partitions by itself, and for who asks for it now: retention and compaction, with one janitor for both.

import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { Random } from '../../base/random.ts'
import type { Compactions, Retentions } from './broker-api.ts'
import { uncapturedFrom } from './capture-hold.ts'
import { noteCompaction } from './commands.ts'
import { Compaction, type CompactionOptions } from './compaction.ts'
import { HubCompactions } from './compactions.ts'
import type { InProgress } from './in-progress.ts'
import { Janitor } from './janitor.ts'
import type { OpenHubs } from './open-hubs.ts'
import type { Retention } from './retention.ts'
import { HubRetentions } from './retentions.ts'
import type { HubState } from './state.ts'
import type { StateJournal } from './state-journal.ts'
import { TimeNotes } from './time-notes.ts'
import type { TrustedTime } from './trusted-time.ts'

export interface UpkeepInput {
  readonly clock: Clock
  readonly random: Random
  readonly lines: Log
  readonly journal: StateJournal
  readonly hubs: OpenHubs
  readonly inProgress: InProgress
  /** @throws EhubError `hub-not-found`, `server-busy`. */
  readonly find: (namespace: string, hub: string) => HubState
  readonly time: TrustedTime
  readonly retention: Retention
  readonly compaction: CompactionOptions
}

export class Upkeep {
  readonly retention: Retentions
  readonly compaction: Compactions
  readonly #notes: TimeNotes
  readonly #janitor: Janitor
  readonly #compactions: HubCompactions

  constructor(input: UpkeepInput) {
    const { clock, lines, journal, hubs, retention } = input
    this.#notes = new TimeNotes(input)
    const compaction = new Compaction({
      clock,
      lines,
      random: input.random,
      options: input.compaction,
      progress: (hub, partition) => journal.state.hubsByNumber.get(hub)?.compactions.get(partition) ?? null,
      remember: (hub, partition, progress) => journal.run(noteCompaction(hub, partition, progress)),
      uncapturedFrom: (hub, partition) => uncapturedFrom(journal.state, hub, partition),
    })
    const janitor = new Janitor({ clock, lines, hubs: () => hubs.all(), works: [retention, compaction] })
    this.#janitor = janitor
    this.retention = new HubRetentions({ ...input, janitor })
    this.#compactions = new HubCompactions({ ...input, compaction, janitor })
    this.compaction = this.#compactions
  }

  /** @param stateTimeMs As `TimeNotes.start`. */
  start(stateTimeMs: number): void {
    this.#notes.start(stateTimeMs)
    this.#janitor.start()
  }

  /** Resolves when nothing is under way any more that was not asked for; what was asked for ends soon. */
  async stop(): Promise<void> {
    this.#compactions.stop()
    await this.#janitor.stop()
    await this.#notes.stop()
  }
}
