// An engine that acknowledges and forgets: takes storage out of the picture when the protocol's own cost is wanted. State is
// kept in memory, or the broker could not start. For reading back it is of no use.

import { Gate } from '../../../src/base/gate.ts'
import { newTally } from '../../../src/daemon/storage/compact-report.ts'
import { MemoryEngine } from '../../../src/daemon/storage/memory-engine.ts'
import type { Batch, LogConfig, LogId, PartitionLog, Position } from '../../../src/daemon/storage/storage-engine.ts'

class NullLog implements PartitionLog {
  readonly id: LogId
  readonly gate = new Gate(0)
  readonly start: Position = { sequence: 0, offset: 0 }
  end: Position = { sequence: 0, offset: 0 }
  lastEnqueuedTimeMs: number | null = null

  constructor(id: LogId) {
    this.id = id
  }

  get oldestSegmentEnd(): number {
    return this.end.sequence
  }

  append(batches: readonly Batch[]): Promise<void> {
    const last = batches.at(-1)
    if (last !== undefined) {
      this.end = { sequence: last.baseSequence + last.count, offset: last.baseOffset + last.payload.length }
    }
    return Promise.resolve()
  }

  read = () => Promise.resolve([])
  readCached = () => null
  findByTime = () => Promise.resolve(this.end.sequence)
  findByOffset = () => Promise.resolve(this.end.sequence)
  closedEnd = 0
  closeSegment = () => Promise.resolve()
  compact = () => Promise.resolve(newTally())
  trimBefore = () => Promise.resolve()
  seal = () => {}
  statistics = () => ({ segments: 0, storedBytes: 0, damaged: [], lastEnqueuedTimeMs: null })
  close = () => Promise.resolve()
}

export class NullEngine extends MemoryEngine {
  override openLog(id: LogId, config: LogConfig): Promise<PartitionLog> {
    return id.group.includes('state') ? super.openLog(id, config) : Promise.resolve(new NullLog(id))
  }
}
