// Where the screen's numbers come from: a local daemon, a remote namespace, or a recording. Every method may reject with an
// `EhubError`; the screen shows its message and goes on.

import type { LagSnapshot } from '../wire/lag/snapshot.ts'
import type { PartitionRef } from './effects.ts'
import type { Sample } from './graph.ts'
import type { EventRow, ReaderRow } from './state.ts'

export interface TopSource {
  sample(): Promise<LagSnapshot>
  /** The newest `count` events of the partition, oldest first. */
  events(ref: PartitionRef, count: number): Promise<readonly EventRow[]>
  readers(hub: string): Promise<readonly ReaderRow[]>
  /** Lag of the partition over the last `spanMs`, oldest first. */
  history(ref: PartitionRef, spanMs: number): Promise<readonly Sample[]>
  /** One line about the event a resuming consumer would get next; null when there is none. */
  nextEvent(ref: PartitionRef): Promise<string | null>
  /** What setting the checkpoint to the position typed would do, in one line; changes nothing. */
  preview(ref: PartitionRef, position: string): Promise<{ readonly text: string; readonly isRefused: boolean }>
  /** Sets it. @returns What was done, in one line. */
  setCheckpoint(ref: PartitionRef, position: string): Promise<string>
  /** @returns What was done, in one line. */
  kick(receiverId: number): Promise<string>
  close(): Promise<void>
}
