// What Capture holds against retention and compaction.

import type { EngineStatus } from '../storage/storage-engine.ts'
import type { BrokerState } from './state.ts'

/**
 * First sequence that is in no file yet; null: the hub is not captured. Compaction always leaves what begins there as it is: what it
 * took could not be told from what never was.
 */
export function uncapturedFrom(state: BrokerState, hub: number, partition: number): number | null {
  const capture = state.captures.get(hub)
  if (capture === undefined || !capture.isEnabled) return null
  return capture.progress.get(partition)?.nextSequence ?? 0
}

/**
 * First sequence that must not be trimmed because it is in no file yet; null: nothing is held. The rule: retention waits for
 * Capture as long as the disk takes events. Once it does not, `isSpaceShort`, nothing is held any more; what is then trimmed
 * is counted as lost and named by `ehub capture`, `ehub doctor` and a metric.
 */
export function heldFrom(state: BrokerState, hub: number, partition: number, isSpaceShort: boolean): number | null {
  return isSpaceShort ? null : uncapturedFrom(state, hub, partition)
}

/** Events are refused because of the space that is left, not for another reason. */
export function isSpaceShort({ refusing, space }: EngineStatus): boolean {
  return refusing !== null && space !== null && space.freeBytes < space.lowWaterBytes * 1.25
}
