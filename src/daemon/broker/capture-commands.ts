// What may be done to Capture: pure functions of (state, input, now), as in `commands.ts`.

import { EhubError } from '../../base/error.ts'
import { type CaptureSettings, checkCaptureSettings } from './capture-settings.ts'
import type { CaptureProgress, CaptureState } from './capture-state.ts'
import { type Command, hubNamed } from './commands.ts'
import type { BrokerState } from './state.ts'
import type { StateRecord } from './state-records.ts'

/** Names of files are made of seconds: no two windows of a partition begin in the same one. */
const nameStepMs = 1000

/**
 * Switches Capture on, or changes how it goes on. Capture begins with what is enqueued after it was switched on.
 * @param ends The partitions' end sequences at this moment.
 * @throws EhubError `hub-not-found`, `argument-error`, `argument-out-of-range`.
 */
export function enableCapture(
  namespace: string,
  hub: string,
  settings: CaptureSettings,
  ends: readonly number[],
): Command<void> {
  checkCaptureSettings(settings)
  return (state, nowMs) => {
    const { number } = hubNamed(state, namespace, hub)
    const before = state.captures.get(number)
    const isNew = before?.isEnabled !== true
    const generation = (before?.generation ?? 0) + (isNew ? 1 : 0)
    const records: StateRecord[] = [{ kind: 'capture-set', hub: number, generation, isEnabled: true, ...settings }]
    if (!isNew) return { records, reply: undefined }
    for (const [partition, nextSequence] of ends.entries()) {
      const old = before?.progress.get(partition)
      const windowStartMs = old === undefined ? nowMs : Math.max(nowMs, old.windowStartMs + nameStepMs)
      const fresh = { ...(old ?? nothingCaptured), nextSequence, windowStartMs, cutSequence: null, cutName: null }
      records.push({ kind: 'capture-progress', hub: number, partition, ...fresh })
    }
    return { records, reply: undefined }
  }
}

/** What was not written yet stays out of the files. @throws EhubError `hub-not-found`. */
export function disableCapture(namespace: string, hub: string): Command<void> {
  return (state) => {
    const { number } = hubNamed(state, namespace, hub)
    const before = state.captures.get(number)
    if (before === undefined || !before.isEnabled) return { records: [], reply: undefined }
    const { progress: _, ...settings } = before
    return { records: [{ kind: 'capture-set', ...settings, isEnabled: false }], reply: undefined }
  }
}

export interface CapturePlace {
  readonly hub: number
  readonly generation: number
  readonly partition: number
}

/**
 * Notes how far a partition is.
 * @throws EhubError `cancelled` when Capture of this generation is no longer on.
 */
export function noteProgress(place: CapturePlace, progress: CaptureProgress): Command<void> {
  return (state) => {
    const { hub, partition } = place
    captureOf(state, place)
    return { records: [{ kind: 'capture-progress', hub, partition, ...progress }], reply: undefined }
  }
}

export const nothingCaptured: CaptureProgress = Object.freeze({
  nextSequence: 0,
  windowStartMs: 0,
  cutSequence: null,
  cutName: null,
  files: 0,
  events: 0,
  bytes: 0,
  lostEvents: 0,
})

function captureOf(state: BrokerState, { hub, generation }: CapturePlace): CaptureState {
  const capture = state.captures.get(hub)
  if (capture?.isEnabled === true && capture.generation === generation) return capture
  throw new EhubError('cancelled', 'Capture was switched off or its hub deleted')
}
