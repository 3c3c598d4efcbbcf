// What the Capture writer knows of the broker: which hubs are captured, their logs, and how far each partition is.

import type { Batch, LogStatistics, Position } from '../storage/storage-engine.ts'
import type { CaptureSettings } from './capture-settings.ts'
import type { CaptureProgress } from './capture-state.ts'

export interface CapturedHub extends CaptureSettings {
  /** Number of the hub, and what counts its times of being switched on. */
  readonly id: number
  readonly generation: number
  readonly isEnabled: boolean
  readonly namespace: string
  readonly hub: string
  readonly createdAtMs: number
  readonly partitionCount: number
}

/** A partition's log as far as Capture reads it: not one of the readers the service counts. As `PartitionLog` says. */
export interface CaptureSource {
  readonly start: Position
  readonly end: Position
  read(fromSequence: number, maxBytes: number): Promise<readonly Batch[]>
  readCached(fromSequence: number, maxBytes: number): readonly Batch[] | null
  statistics(): LogStatistics
}

/** Every method needs no caller: only the daemon itself and its owner reach it. */
export interface Captures {
  /** Hubs whose Capture is on. */
  list(): readonly CapturedHub[]
  /** null: it was never on. @throws EhubError `hub-not-found`. */
  find(namespace: string, hub: string): CapturedHub | null
  /** @throws EhubError `hub-not-found`, `not-allowed` (Basic), `argument-error`, `argument-out-of-range`. */
  enable(namespace: string, hub: string, settings: CaptureSettings): Promise<CapturedHub>
  disable(namespace: string, hub: string): Promise<void>
  progress(hub: CapturedHub, partition: number): CaptureProgress
  /** Durable when it resolves. @throws EhubError `cancelled` when Capture of this generation is off. */
  noteProgress(hub: CapturedHub, partition: number, progress: CaptureProgress): Promise<void>
  /** @throws EhubError `hub-not-found`, `server-busy`, `partition-not-found`. */
  source(hub: CapturedHub, partition: number): CaptureSource
  /** What `capture-hold.ts` says: first sequence retention must leave, null: none. @param hub Its number. */
  heldFrom(hub: number, partition: number): number | null
}
