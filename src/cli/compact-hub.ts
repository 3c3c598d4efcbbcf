// Drives the daemon's compaction over the partitions of a hub and tells what it did.

import { formatBytes } from '../base/bytes-text.ts'
import type { Clock } from '../base/clock.ts'
import type { ControlClient } from '../client/control-client.ts'
import type { CompactionReply } from '../wire/control/contract.ts'
import type { Output } from './output.ts'
import { Progress } from './progress.ts'

/** One partition after the other, each until it is done. */
export async function compactHub(
  control: Pick<ControlClient, 'call'>,
  hub: string,
  partitions: readonly number[],
  { clock, output }: { readonly clock: Clock; readonly output: Output },
): Promise<readonly CompactionReply[]> {
  const done: CompactionReply[] = []
  let step: CompactionReply | null = null
  const progress = new Progress({
    clock,
    output,
    verb: 'compacted',
    isOff: false,
    state: () => ({
      events: sum(done, 'eventsRemoved') + (step?.eventsRemoved ?? 0),
      bytes: sum(done, 'bytesBefore') + (step?.bytesBefore ?? 0),
      done: done.length,
      total: partitions.length,
    }),
  })
  try {
    for (const partition of partitions) {
      do step = await control.call('compactPartition', { hub, partition })
      while (!step.isDone)
      done.push(step)
      step = null
    }
  } finally {
    progress.stop()
  }
  return done
}

/** A row for each partition of which something went or was left alone, and the sum in words. */
export async function showCompactions(output: Output, hub: string, runs: readonly CompactionReply[]): Promise<void> {
  const rows = runs.filter(({ eventsRemoved, segmentsSkipped }) => eventsRemoved > 0 || segmentsSkipped > 0)
  const size = (bytes: number) => (output.isTerminal ? formatBytes(bytes) : bytes)
  if (rows.length > 0) {
    await output.table(
      [
        { title: 'PARTITION', align: 'right' },
        { title: 'SEGMENTS', align: 'right' },
        { title: 'KEPT', align: 'right' },
        { title: 'REMOVED', align: 'right' },
        { title: 'BEFORE', align: 'right' },
        { title: 'AFTER', align: 'right' },
        { title: 'DAMAGED', align: 'right' },
      ],
      rows.map((run) => [
        run.partition,
        run.segments,
        run.eventsKept,
        run.eventsRemoved,
        size(run.bytesBefore),
        size(run.bytesAfter),
        run.segmentsSkipped === 0 ? null : run.segmentsSkipped,
      ]),
    )
  }
  const removed = sum(runs, 'eventsRemoved')
  const saved = sum(runs, 'bytesBefore') - sum(runs, 'bytesAfter')
  output.note(
    removed === 0
      ? `nothing of ${hub} went`
      : `${removed.toLocaleString('en-US')} events of ${hub} are gone, ${formatBytes(Math.max(0, saved))} freed`,
  )
  if (runs.some(({ segmentsSkipped }) => segmentsSkipped > 0)) {
    output.note('segments with damage were left as they are; "ehub verify" names the ranges')
  }
}

function sum(runs: readonly CompactionReply[], field: 'eventsRemoved' | 'bytesBefore' | 'bytesAfter'): number {
  return runs.reduce((total, run) => total + run[field], 0)
}
