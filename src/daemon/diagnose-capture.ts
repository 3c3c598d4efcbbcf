// What `ehub doctor` says of Capture: destinations that do not take files, events that went before they were in one, and windows
// that do not close although nothing failed.

import { formatDuration } from '../base/duration.ts'
import type { CapturePartitionReply, CaptureReply } from '../wire/control/capture-contract.ts'
import type { FindingReply } from '../wire/control/contract.ts'

/** Windows a partition may be behind before somebody should look. */
const windowsBehindMax = 3

/** @param captures Hubs whose Capture is on. */
export function captureFindings(captures: readonly CaptureReply[], nowMs: number): readonly FindingReply[] {
  const found = captures.flatMap((capture) => [...waiting(capture, nowMs), ...lost(capture), ...behind(capture)])
  if (found.length > 0) return found
  const detail =
    captures.length === 0
      ? 'no hub is captured'
      : `${captures.length} ${captures.length === 1 ? 'hub is' : 'hubs are'} captured, every file was taken`
  return [{ check: 'capture', level: 'ok', detail, fix: null }]
}

function waiting({ hub, destination, partitions }: CaptureReply, nowMs: number): readonly FindingReply[] {
  const failing = partitions.filter(({ failures }) => failures > 0)
  const [first] = failing
  if (first === undefined) return []
  const since = Math.min(...failing.map(({ failingSinceMs }) => failingSinceMs ?? nowMs))
  const events = sum(failing, ({ lagEvents }) => lagEvents)
  const detail =
    `hub "${hub}": ${failing.length} of ${partitions.length} partitions wait for ${destination} for ` +
    `${formatDuration(nowMs - since)}, ${events} events in no file: ${first.error ?? ''}`
  const fix = `mend the destination: Capture tries again by itself; retention waits meanwhile. ehub capture ${hub} shows it`
  return [{ check: 'capture', level: 'error', detail, fix }]
}

function lost({ hub, partitions }: CaptureReply): readonly FindingReply[] {
  const events = sum(partitions, ({ lostEvents }) => lostEvents)
  if (events === 0) return []
  return [
    {
      check: 'capture',
      level: 'warning',
      detail: `hub "${hub}": ${events} events were removed before they were in a file`,
      fix: 'on a disk without space retention does not wait for Capture: keep more space free, or mend the destination sooner',
    },
  ]
}

function behind({ hub, intervalMs, partitions }: CaptureReply): readonly FindingReply[] {
  const late = partitions.filter(({ failures, lagMs }) => failures === 0 && lagMs > windowsBehindMax * intervalMs)
  const longest = Math.max(...late.map(({ lagMs }) => lagMs))
  if (late.length === 0) return []
  return [
    {
      check: 'capture',
      level: 'warning',
      detail: `hub "${hub}": ${late.length} partitions are ${formatDuration(longest)} behind`,
      fix: `files are written slower than events come: look at the destination, or at ehub top; ehub capture ${hub}`,
    },
  ]
}

function sum(partitions: readonly CapturePartitionReply[], of: (partition: CapturePartitionReply) => number): number {
  return partitions.reduce((total, partition) => total + of(partition), 0)
}
