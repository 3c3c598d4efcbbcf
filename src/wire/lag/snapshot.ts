// What the daemon (or a client sampling a remote namespace) says about every consumer group at one moment: the rows behind
// `ehub lag`, `ehub top` and their JSON. Field names are a contract: docs/CLI.md, "Lag".

import { drainSeconds } from './lag.ts'
import { type LagLevel, type LagStatus, lagStatuses, type LagVerdict, worstVerdict } from './status.ts'

export interface PartitionLag {
  readonly hub: string
  readonly group: string
  readonly partition: number
  readonly first: number
  /** -1 when nothing was ever stored. */
  readonly last: number
  /** null: none. */
  readonly checkpoint: number | null
  readonly checkpointAtMs: number | null
  readonly lag: number
  /** Bytes stored behind the checkpoint; null where the store cannot say. */
  readonly lagBytes: number | null
  readonly lost: number
  /** Age of the oldest unprocessed event, null when there is none or nothing is known. */
  readonly ageMs: number | null
  readonly isAgeEstimated: boolean
  /** Events stored and handled a second, over the last samples. */
  readonly inRate: number
  readonly outRate: number
  readonly owner: string | null
  readonly ownerLevel: number | null
  /** Receivers attached now, of five. */
  readonly readers: number
  readonly status: LagStatus
  readonly level: LagLevel
  readonly reason: string
}

export interface HubRates {
  readonly hub: string
  readonly partitionCount: number
  readonly storedBytes: number
  readonly inEvents: number
  readonly inBytes: number
  readonly outEvents: number
  readonly outBytes: number
}

export interface LagSnapshot {
  readonly atMs: number
  /** Milliseconds between the samples the rates and verdicts rest on. */
  readonly sampleMs: number
  /** Where the checkpoints were read: `daemon` or `blob:…`. */
  readonly store: string
  readonly hubs: readonly HubRates[]
  /** In order of hub, group, partition. */
  readonly partitions: readonly PartitionLag[]
}

export interface GroupLag {
  readonly hub: string
  readonly group: string
  readonly status: LagStatus
  readonly level: LagLevel
  readonly reason: string
  /** Sum over the partitions; an unused group has none. */
  readonly lag: number
  readonly ageMs: number | null
  readonly isAgeEstimated: boolean
  readonly inRate: number
  readonly outRate: number
  readonly owners: number
  readonly readers: number
  /** Partitions whose checkpoint could be judged, of all. */
  readonly complete: number
  readonly partitionCount: number
  /** `Infinity` when the lag is not shrinking. */
  readonly drainSeconds: number
  readonly partitions: readonly PartitionLag[]
}

/** Rows of the overview, in order of hub and group. Pure; the partitions keep their order. */
export function groupsOf(snapshot: LagSnapshot): readonly GroupLag[] {
  const byGroup = new Map<string, PartitionLag[]>()
  for (const row of snapshot.partitions) {
    const key = groupKey(row.hub, row.group)
    const rows = byGroup.get(key)
    if (rows === undefined) byGroup.set(key, [row])
    else rows.push(row)
  }
  return [...byGroup.values()].map(summarise)
}

/** Names a group in maps: hub and group names contain no line feed. */
export function groupKey(hub: string, group: string): string {
  return `${hub}\n${group}`
}

function summarise(rows: readonly PartitionLag[]): GroupLag {
  const worst: LagVerdict = worstVerdict(rows)
  const sum = (pick: (row: PartitionLag) => number): number => rows.reduce((total, row) => total + pick(row), 0)
  const isUnused = rows.every((row) => row.status === 'UNUSED')
  const lag = isUnused ? 0 : sum((row) => row.lag)
  const inRate = sum((row) => row.inRate)
  const outRate = sum((row) => row.outRate)
  const oldest = rows.reduce<PartitionLag | null>(
    (found, row) => (row.ageMs !== null && row.ageMs > (found?.ageMs ?? -1) ? row : found),
    null,
  )
  const first = rows[0]
  return {
    hub: first?.hub ?? '',
    group: first?.group ?? '',
    status: worst.status,
    level: worst.level,
    reason: worst.reason,
    lag,
    ageMs: isUnused ? null : (oldest?.ageMs ?? null),
    isAgeEstimated: oldest?.isAgeEstimated ?? false,
    inRate,
    outRate,
    owners: new Set(rows.map((row) => row.owner).filter((owner) => owner !== null)).size,
    readers: sum((row) => row.readers),
    complete: rows.filter((row) => row.status !== 'UNKNOWN' && row.status !== 'PENDING').length,
    partitionCount: rows.length,
    drainSeconds: drainSeconds(lag, inRate, outRate),
    partitions: rows,
  }
}

/** Groups or partitions at each level, for headers and for exit codes of checks. */
export function countLevels(rows: readonly { readonly level: LagLevel }[]): Readonly<Record<LagLevel, number>> {
  const counts: Record<LagLevel, number> = { ERR: 0, WARN: 0, UNKNOWN: 0, OK: 0 }
  for (const row of rows) counts[row.level]++
  return counts
}

/** Worst first; the order of `lagStatuses`. */
export function statusRank(status: LagStatus): number {
  return lagStatuses.indexOf(status)
}
