// How records of Capture change the state, and the state as records: part of `apply.ts` and `snapshot.ts`.

import { EhubError } from '../../base/error.ts'
import type { CaptureProgress, CaptureState } from './capture-state.ts'
import type { BrokerState } from './state.ts'
import type { StateRecord, StateRecordOf } from './state-records.ts'

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

function misplaced({ kind, hub }: CaptureRecord, what: string): EhubError {
  return new EhubError(
    'storage-corrupt',
    `the state log holds a record of kind ${kind} for ${what} of number ${hub} that does not exist`,
  )
}
