// Capture as rows and pairs for people.

import { formatBytes } from '../base/bytes-text.ts'
import { formatDuration } from '../base/duration.ts'
import type { CaptureFileReply, CapturePartitionReply, CaptureReply } from '../wire/control/capture-contract.ts'
import type { Cell, Column } from './output.ts'

export function capturePairs(capture: CaptureReply): (readonly [string, Cell])[] {
  const { isEnabled, intervalMs, sizeBytes, nameFormat, isSkippingEmpty, encoding, destination, credentials } = capture
  return [
    ['capture', isEnabled ? 'on' : 'off'],
    ['destination', destination],
    ...(credentials === 'none' ? [] : ([['credentials', credentials]] as const)),
    ['window', `${formatDuration(intervalMs)} or ${formatBytes(sizeBytes)}, whatever comes first`],
    ['names', nameFormat],
    ['empty windows', isSkippingEmpty ? 'skipped' : 'leave an empty file'],
    ['encoding', encoding],
    ['state', stateOf(capture)],
  ]
}

/** One sentence: what a person wants to know first. */
function stateOf({ isEnabled, partitions }: CaptureReply): string {
  const failing = partitions.filter(({ failures }) => failures > 0)
  const lost = partitions.reduce((sum, { lostEvents }) => sum + lostEvents, 0)
  const said = lost === 0 ? '' : `; ${lost} events were removed before they were in a file`
  if (!isEnabled) return `off${said}`
  const [first] = failing
  if (first === undefined) return `writing${said}`
  return `${failing.length} of ${partitions.length} partitions wait for the destination: ${first.error ?? ''}${said}`
}

export const captureColumns: readonly Column[] = [
  { title: 'PARTITION', align: 'right' },
  { title: 'FILES', align: 'right' },
  { title: 'EVENTS', align: 'right' },
  { title: 'SIZE', align: 'right' },
  { title: 'WAITING', align: 'right' },
  { title: 'LOST', align: 'right' },
  { title: 'WINDOW SINCE' },
  { title: 'STATE' },
]

export function captureRow(partition: CapturePartitionReply, isTerminal: boolean): readonly Cell[] {
  const { files, events, bytes, lagEvents, lostEvents, windowStartMs, failures, error } = partition
  return [
    partition.partition,
    files,
    events,
    isTerminal ? formatBytes(bytes) : bytes,
    lagEvents,
    lostEvents,
    windowStartMs === 0 ? null : new Date(windowStartMs).toISOString(),
    failures === 0 ? 'ok' : `failed ${failures} times: ${error ?? ''}`,
  ]
}

export const captureFileColumns: readonly Column[] = [
  { title: 'PARTITION', align: 'right' },
  { title: 'WINDOW' },
  { title: 'EVENTS', align: 'right' },
  { title: 'SIZE', align: 'right' },
  { title: 'FIRST', align: 'right' },
  { title: 'LAST', align: 'right' },
  { title: 'FILE' },
]

export function captureFileRow(file: CaptureFileReply, isTerminal: boolean): readonly Cell[] {
  const { partition, windowStartMs, events, bytes, firstSequence, lastSequence, name } = file
  return [
    partition,
    new Date(windowStartMs).toISOString().replace('.000Z', 'Z'),
    events,
    isTerminal ? formatBytes(bytes) : bytes,
    firstSequence < 0 ? null : firstSequence,
    lastSequence < 0 ? null : lastSequence,
    name,
  ]
}
