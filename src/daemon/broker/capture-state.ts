// Capture as part of the broker's state: how each hub is captured and how far each of its partitions is. The order of what is
// written makes files exact: the cut (which events, under which name) is durable before the file can be seen, and the progress
// behind it only after the file is. docs/FORMAT.md, "Capture", says what a crash at each step leaves.

import { EhubError } from '../../base/error.ts'
import type { CaptureSettings } from './capture-settings.ts'
import type { BrokerState } from './state.ts'
import type { StateRecord, StateRecordOf } from './state-records.ts'

export interface CaptureProgress {
  /** First sequence that is in no file yet. */
  readonly nextSequence: number
  /** Beginning of the window whose events are being gathered, Unix milliseconds. */
  readonly windowStartMs: number
  /** A file decided on: it holds `[nextSequence, cutSequence)` and is called `cutName`. Both null between files. */
  readonly cutSequence: number | null
  readonly cutName: string | null
  /** Since the hub exists. */
  readonly files: number
  readonly events: number
  readonly bytes: number
  /** Removed by retention before they were in a file. */
  readonly lostEvents: number
}

export interface CaptureState extends CaptureSettings {
  readonly hub: number
  /** Rises with every switching on: what a writer of an older one still says is refused. */
  readonly generation: number
  readonly isEnabled: boolean
  /** By partition; one that was added later is missing until it has its first window. */
  readonly progress: Map<number, CaptureProgress>
}

type CaptureRecord = StateRecordOf<'capture-set' | 'capture-progress'>

export function isCaptureRecord(record: StateRecord): record is CaptureRecord {
  return record.kind === 'capture-set' || record.kind === 'capture-progress'
}

/** @throws EhubError `storage-corrupt` when the record names what the state does not hold. */
export function applyCapture(state: BrokerState, record: CaptureRecord): void {
  if (!state.hubsByNumber.has(record.hub)) throw misplaced(record, 'a hub')
  if (record.kind === 'capture-set') {
    const { kind: _, ...settings } = record
    const progress = state.captures.get(record.hub)?.progress ?? new Map<number, CaptureProgress>()
    state.captures.set(record.hub, { ...settings, progress })
    return
  }
  const { kind: _, hub, partition, ...progress } = record
  const capture = state.captures.get(hub)
  if (capture === undefined) throw misplaced(record, 'a Capture')
  capture.progress.set(partition, progress)
}

export function* captureRecords(captures: ReadonlyMap<number, CaptureState>): Generator<StateRecord> {
  for (const { progress, ...settings } of captures.values()) {
    yield { kind: 'capture-set', ...settings }
    for (const [partition, one] of progress) {
      yield { kind: 'capture-progress', hub: settings.hub, partition, ...one }
    }
  }
}

/**
 * First sequence that must not be trimmed because it is in no file yet; null: nothing is held. The rule: retention waits for
 * Capture as long as the disk takes events. Once it does not, `isSpaceShort`, nothing is held any more; what is then trimmed
 * is counted as lost and named by `ehub capture`, `ehub doctor` and a metric.
 */
export function heldFrom(state: BrokerState, hub: number, partition: number, isSpaceShort: boolean): number | null {
  const capture = state.captures.get(hub)
  if (capture === undefined || !capture.isEnabled || isSpaceShort) return null
  return capture.progress.get(partition)?.nextSequence ?? 0
}

function misplaced({ kind, hub }: CaptureRecord, what: string): EhubError {
  return new EhubError(
    'storage-corrupt',
    `the state log holds a record of kind ${kind} for ${what} of number ${hub} that does not exist`,
  )
}
