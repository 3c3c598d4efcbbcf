// What an operator wants to see of the engine on disk: gathered when asked, from those who count.

import type { BackgroundWriter } from './background-writer.ts'
import type { CommitJournal } from './commit-journal.ts'
import type { KnownLogs } from './known-logs.ts'
import type { EngineCounters } from './storage-engine.ts'

/** @param tornTails Of the journal and of logs, cut since the engine was opened. */
export function countersOf(
  known: KnownLogs,
  journal: CommitJournal,
  background: BackgroundWriter,
  tornTails: number,
): EngineCounters {
  let damagedRanges = 0
  let unsyncedBytes = 0
  for (const { log } of known.values()) {
    if (log === null) continue
    damagedRanges += log.statistics().damaged.length
    // Under `sync` the journal has them.
    if (!log.isSync) unsyncedBytes += log.unsyncedBytes
  }
  const { commitGroups, commitMsTotal } = journal
  return { tornTails, commitGroups, commitMsTotal, unsyncedBytes, unsyncedMs: background.unsyncedMs, damagedRanges }
}
