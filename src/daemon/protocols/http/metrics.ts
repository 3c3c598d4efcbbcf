// Prometheus metrics of the daemon, made anew for each scrape from what the broker, the engine and the lag sampler say. Names
// and labels are a contract: docs/OPERATIONS.md, "Metrics". No state of its own: what counts survives in the log itself.

import { Counter, Gauge, Registry } from 'prom-client'
import type { CaptureReply } from '../../../wire/control/capture-contract.ts'
import type { LagSnapshot } from '../../../wire/lag/snapshot.ts'
import { commitBuckets } from '../../broker/figures.ts'
import type { Broker, Caller } from '../../broker/broker-api.ts'
import type { EngineCounters, EngineStatus } from '../../storage/storage-engine.ts'

export interface MetricsSources {
  readonly broker: Broker
  /** With the right to see everything. */
  readonly caller: Caller
  readonly engine: () => EngineStatus
  readonly lag: () => LagSnapshot
  /** Hubs whose Capture is on. */
  readonly capture: () => readonly CaptureReply[]
  readonly connections: () => number
  readonly startedAtMs: number
  readonly version: string
}

/** Level of a group or partition as a number: alerts compare. */
const levelNumbers = { OK: 0, UNKNOWN: 1, WARN: 2, ERR: 3 } as const

export const metricsContentType = Registry.PROMETHEUS_CONTENT_TYPE

export async function renderMetrics(sources: MetricsSources): Promise<string> {
  const registry = new Registry()
  daemonMetrics(registry, sources)
  hubMetrics(registry, sources)
  retentionMetrics(registry, sources)
  figureMetrics(registry, sources)
  compactionMetrics(registry, sources)
  lagMetrics(registry, sources)
  captureMetrics(registry, sources)
  return `${await registry.metrics()}\n${commitHistogram(sources.broker.figures)}`
}

function gauge<Label extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly Label[],
): Gauge<Label> {
  return new Gauge({ name, help, labelNames: [...labelNames], registers: [registry] })
}

/** Counted by the log itself: the value is set once, since the registry lives for one scrape. */
function counter<Label extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly Label[],
): Counter<Label> {
  return new Counter({ name, help, labelNames: [...labelNames], registers: [registry] })
}

function daemonMetrics(registry: Registry, { engine, connections, startedAtMs, version }: MetricsSources): void {
  const status = engine()
  gauge(registry, 'ehub_build_info', 'The running version, always 1.', ['version']).set({ version }, 1)
  gauge(registry, 'ehub_start_time_seconds', 'When the daemon started, Unix seconds.', []).set(startedAtMs / 1000)
  gauge(registry, 'ehub_connections', 'Open AMQP connections.', []).set(connections())
  gauge(registry, 'ehub_resident_memory_bytes', 'Memory of the process.', []).set(process.memoryUsage.rss())
  gauge(registry, 'ehub_storage_refusing', '1 while events are refused because of the disk.', []).set(
    status.refusing === null ? 0 : 1,
  )
  gauge(registry, 'ehub_storage_failed_logs', 'Logs that take no events after a failed write or sync.', []).set(
    status.failed.length,
  )
  if (status.space !== null) {
    const { freeBytes, lowWaterBytes, reserveBytes } = status.space
    gauge(registry, 'ehub_storage_free_bytes', 'Free on the disk, as of the last look.', []).set(freeBytes)
    gauge(registry, 'ehub_storage_low_water_bytes', 'Events are refused below so many free.', []).set(lowWaterBytes)
    gauge(registry, 'ehub_storage_reserve_bytes', 'Kept for work on a full disk; 0: given up.', []).set(reserveBytes)
  }
  storageMetrics(registry, status.counters)
  gauge(registry, 'ehub_storage_open_logs', 'Logs that take events.', []).set(status.openLogs)
}

function storageMetrics(registry: Registry, counters: EngineCounters): void {
  const { tornTails, commitGroups, commitMsTotal, unsyncedBytes, unsyncedMs, damagedRanges } = counters
  const torn = 'Ends of logs and journal cut off at start: written, never synced.'
  counter(registry, 'ehub_storage_torn_tails_total', torn, []).inc(tornTails)
  counter(registry, 'ehub_storage_commit_groups_total', 'Groups of events made durable at once.', []).inc(commitGroups)
  const commit = 'Time spent on writing and syncing these groups.'
  counter(registry, 'ehub_storage_commit_seconds_total', commit, []).inc(commitMsTotal / 1000)
  const bytes = 'Durability os: acknowledged bytes that a power cut now would cost.'
  gauge(registry, 'ehub_storage_unsynced_bytes', bytes, []).set(unsyncedBytes)
  const age = 'Durability os: how long the oldest of these bytes has waited, 0 when there is none.'
  gauge(registry, 'ehub_storage_unsynced_age_seconds', age, []).set(unsyncedMs / 1000)
  const damaged = 'Ranges of events that cannot be read any more.'
  gauge(registry, 'ehub_storage_damaged_ranges', damaged, []).set(damagedRanges)
}

function hubMetrics(registry: Registry, { broker, caller }: MetricsSources): void {
  const labels = ['hub', 'partition'] as const
  const events = counter(
    registry,
    'ehub_partition_events_total',
    'Events ever stored: last sequence number + 1.',
    labels,
  )
  const offset = counter(registry, 'ehub_partition_bytes_total', 'Bytes ever stored: the last offset.', labels)
  const begin = gauge(registry, 'ehub_partition_begin_sequence', 'First readable sequence number.', labels)
  const stored = gauge(registry, 'ehub_partition_stored_bytes', 'Bytes on disk.', labels)
  const damaged = gauge(registry, 'ehub_partition_damaged_events', 'Events that cannot be read any more.', labels)
  const receivers = gauge(registry, 'ehub_receivers', 'Receivers attached.', ['hub', 'group', 'partition'])
  const delivered = gauge(registry, 'ehub_receiver_delivered_events', 'Events handed to the receivers attached now.', [
    'hub',
    'group',
    'partition',
  ])
  for (const { name: hub, partitionCount } of broker.listHubs(caller)) {
    for (let index = 0; index < partitionCount; index++) {
      const partition = String(index)
      const described = broker.describePartition(caller, hub, partition)
      events.inc({ hub, partition }, described.lastSequence + 1)
      offset.inc({ hub, partition }, Math.max(0, described.lastOffset))
      begin.set({ hub, partition }, described.beginSequence)
      stored.set({ hub, partition }, described.storedBytes)
      const lost = broker.damageOf(caller, hub, index).reduce((sum, { from, to }) => sum + (to - from), 0)
      damaged.set({ hub, partition }, lost)
    }
  }
  for (const { hub, group, partition, deliveredCount } of broker.listReceivers(caller, null)) {
    receivers.inc({ hub, group, partition: String(partition) })
    delivered.inc({ hub, group, partition: String(partition) }, deliveredCount)
  }
}

function compactionMetrics(registry: Registry, { broker, caller }: MetricsSources): void {
  const { lastLapAtMs, failures, hubs } = broker.compaction.status(caller)
  const runs = counter(registry, 'ehub_compaction_runs_total', 'Runs over partitions since the start.', ['hub'])
  const events = counter(registry, 'ehub_compaction_removed_events_total', 'Events removed since the start.', ['hub'])
  const bytes = counter(registry, 'ehub_compaction_removed_bytes_total', 'Bytes removed since the start.', ['hub'])
  const last = gauge(registry, 'ehub_compaction_last_run_seconds', 'End of the last run, Unix.', ['hub'])
  const dirty = gauge(registry, 'ehub_compaction_dirty_bytes', 'Bytes stored and not yet compacted.', ['hub'])
  const ratio = gauge(registry, 'ehub_compaction_dirty_ratio', 'Their share of what is stored; at 0.5 a run is due.', [
    'hub',
  ])
  for (const { hub, runs: count, eventsRemoved, bytesRemoved, lastRunAtMs, storedBytes, dirtyBytes } of hubs) {
    runs.inc({ hub }, count)
    events.inc({ hub }, eventsRemoved)
    bytes.inc({ hub }, bytesRemoved)
    if (lastRunAtMs !== null) last.set({ hub }, lastRunAtMs / 1000)
    dirty.set({ hub }, dirtyBytes)
    ratio.set({ hub }, storedBytes === 0 ? 0 : Math.min(1, dirtyBytes / storedBytes))
  }
  counter(registry, 'ehub_compaction_failures_total', 'Runs that failed.', []).inc(failures)
  const lap = gauge(registry, 'ehub_compaction_last_lap_seconds', 'When every partition was last looked at, Unix.', [])
  if (lastLapAtMs !== null) lap.set(lastLapAtMs / 1000)
}

function retentionMetrics(registry: Registry, { broker, caller }: MetricsSources): void {
  const { doubt, lastLapAtMs, failures, hubs } = broker.retention.status(caller)
  const events = counter(registry, 'ehub_retention_trimmed_events_total', 'Events deleted since the start.', ['hub'])
  const bytes = counter(registry, 'ehub_retention_trimmed_bytes_total', 'Bytes deleted since the start.', ['hub'])
  for (const { hub, trimmedEvents, trimmedBytes } of hubs) {
    events.inc({ hub }, trimmedEvents)
    bytes.inc({ hub }, trimmedBytes)
  }
  const period = gauge(registry, 'ehub_hub_retention_seconds', 'How long events are kept; absent: for ever.', ['hub'])
  for (const { name: hub, retentionMs } of broker.listHubs(caller)) {
    if (retentionMs !== null) period.set({ hub }, retentionMs / 1000)
  }
  counter(registry, 'ehub_retention_failures_total', 'Tries to delete events that failed.', []).inc(failures)
  const lap = gauge(registry, 'ehub_retention_last_lap_seconds', 'When every partition was last looked at, Unix.', [])
  if (lastLapAtMs !== null) lap.set(lastLapAtMs / 1000)
  gauge(registry, 'ehub_retention_clock_ahead_seconds', 'How far the clock is ahead of what is believed.', []).set(
    (doubt?.aheadMs ?? 0) / 1000,
  )
}

function figureMetrics(registry: Registry, { broker: { figures } }: MetricsSources): void {
  const errors = counter(registry, 'ehub_errors_total', 'Errors told to AMQP clients.', ['code'])
  for (const [code, count] of figures.errors) errors.inc({ code }, count)
  counter(registry, 'ehub_throttled_total', 'Publications and links refused for being too many.', []).inc(
    figures.errors.get('server-busy') ?? 0,
  )
  const handed = counter(registry, 'ehub_group_delivered_events_total', 'Events handed to receivers.', [
    'hub',
    'group',
    'partition',
  ])
  for (const { hub, group, partition, events } of figures.delivered) {
    handed.inc({ hub, group, partition: String(partition) }, events)
  }
}

/** By hand: prom-client observes one value at a time, these were counted without it. */
function commitHistogram({ commitCounts, commitSeconds }: Broker['figures']): string {
  const name = 'ehub_commit_seconds'
  let count = 0
  const buckets = [...commitBuckets, '+Inf'].map((le, index) => {
    count += commitCounts[index] ?? 0
    return `${name}_bucket{le="${le}"} ${count}`
  })
  return [
    `# HELP ${name} From handing publications to a log until they are durable as the hub asks.`,
    `# TYPE ${name} histogram`,
    ...buckets,
    `${name}_sum ${commitSeconds}`,
    `${name}_count ${count}`,
    '',
  ].join('\n')
}

function lagMetrics(registry: Registry, { lag }: MetricsSources): void {
  const labels = ['hub', 'group', 'partition'] as const
  const events = gauge(registry, 'ehub_group_lag_events', 'Events stored and not handled by the group.', labels)
  const age = gauge(
    registry,
    'ehub_group_lag_age_seconds',
    'Age of the oldest event not handled; absent when there is none.',
    labels,
  )
  const size = gauge(registry, 'ehub_group_lag_bytes', 'Bytes stored behind the checkpoint.', labels)
  const lost = gauge(registry, 'ehub_group_lost_events', 'Events removed before the group came to them.', labels)
  const checkpoint = gauge(registry, 'ehub_group_checkpoint_sequence', 'Sequence number of the checkpoint.', labels)
  const level = gauge(registry, 'ehub_group_level', '0 OK, 1 unknown, 2 warning, 3 error.', labels)
  const status = gauge(registry, 'ehub_group_status', '1 for the status the partition has.', [
    ...labels,
    'status',
  ] as const)
  for (const row of lag().partitions) {
    if (row.status === 'UNUSED') continue
    const at = { hub: row.hub, group: row.group, partition: String(row.partition) }
    events.set(at, row.lag)
    lost.set(at, row.lost)
    level.set(at, levelNumbers[row.level])
    status.set({ ...at, status: row.status }, 1)
    if (row.ageMs !== null) age.set(at, row.ageMs / 1000)
    if (row.lagBytes !== null) size.set(at, row.lagBytes)
    if (row.checkpoint !== null) checkpoint.set(at, row.checkpoint)
  }
}

function captureMetrics(registry: Registry, { capture }: MetricsSources): void {
  const labels = ['hub', 'partition'] as const
  const files = counter(registry, 'ehub_capture_files_total', 'Capture files written.', labels)
  const events = counter(registry, 'ehub_capture_events_total', 'Events in Capture files.', labels)
  const bytes = counter(registry, 'ehub_capture_bytes_total', 'Bytes of Capture files.', labels)
  const lost = counter(registry, 'ehub_capture_lost_events_total', 'Events removed before they were in a file.', labels)
  const failures = counter(registry, 'ehub_capture_failures_total', 'Failures of the destination.', labels)
  const failing = gauge(registry, 'ehub_capture_failing', '1 while the destination does not take files.', labels)
  const lagEvents = gauge(registry, 'ehub_capture_lag_events', 'Events stored and in no file yet.', labels)
  const lagSeconds = gauge(
    registry,
    'ehub_capture_lag_seconds',
    'Age of the oldest window whose events are in no file yet, 0 when there are none.',
    labels,
  )
  for (const { hub, partitions } of capture()) {
    for (const row of partitions) {
      const at = { hub, partition: String(row.partition) }
      files.inc(at, row.files)
      events.inc(at, row.events)
      bytes.inc(at, row.bytes)
      lost.inc(at, row.lostEvents)
      failures.inc(at, row.failuresTotal)
      failing.set(at, row.failures > 0 ? 1 : 0)
      lagEvents.set(at, row.lagEvents)
      lagSeconds.set(at, row.lagMs / 1000)
    }
  }
}
