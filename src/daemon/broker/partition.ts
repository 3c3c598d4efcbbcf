// One partition at run time: its log, its appender, and what it says about itself.

import { isEhubError } from '../../base/error.ts'
import type { Log } from '../../base/log.ts'
import type { LogConfig, PartitionLog, StorageEngine } from '../storage/storage-engine.ts'
import type { PartitionDescription } from './broker-api.ts'
import { positionOfEvent } from './event-positions.ts'
import type { LastEvent } from './flights.ts'
import type { Congestion } from './in-flight.ts'
import { type AppenderContext, PartitionAppender } from './partition-appender.ts'
import type { LogEnds } from './positions.ts'
import { type Cutoff, Retained } from './retained.ts'

export class Partition {
  readonly index: number
  readonly log: PartitionLog
  readonly appender: PartitionAppender
  readonly retained: Retained
  readonly #hub: string

  constructor(hub: string, log: PartitionLog, appender: PartitionAppender, retained: Retained) {
    this.#hub = hub
    this.index = log.id.partition
    this.log = log
    this.appender = appender
    this.retained = retained
  }

  ends(): LogEnds {
    return { start: this.retained.start, end: this.log.end, last: this.appender.lastStored() }
  }

  describe(): PartitionDescription {
    const { start, end, last } = this.ends()
    return {
      hub: this.#hub,
      partition: this.index,
      beginSequence: start.sequence,
      lastSequence: end.sequence - 1,
      lastOffset: last.offset,
      lastEnqueuedTimeMs: last.timeMs,
      isEmpty: start.sequence === end.sequence,
      storedBytes: this.log.statistics().storedBytes,
    }
  }
}

export interface OpenPartition {
  readonly engine: StorageEngine
  readonly folder: string
  readonly index: number
  /** Name of the hub, for errors. */
  readonly hub: string
  readonly config: LogConfig
  readonly context: AppenderContext
  readonly congestion: Congestion
  readonly lines: Log
  readonly cutoff: Cutoff
}

export async function openPartition(input: OpenPartition): Promise<Partition> {
  const { engine, folder, index, hub, config, context, congestion, lines, cutoff } = input
  const log = await engine.openLog({ group: folder, partition: index }, config)
  const label = `partition ${index} of hub "${hub}"`
  const last = await lastEventOf(log, label, lines)
  const appender = new PartitionAppender({ log, last, label, context, congestion })
  return new Partition(hub, log, appender, new Retained(log, cutoff))
}

async function lastEventOf(log: PartitionLog, label: string, lines: Log): Promise<LastEvent> {
  const { start, end, lastEnqueuedTimeMs: timeMs } = log
  const sequence = end.sequence - 1
  // With nothing left to read, the byte before the end stands for the last event: no reader can tell the difference, since every
  // offset ever given out is at most this one. -1 on a partition never used.
  const beforeEnd: LastEvent = { sequence, offset: end.offset - 1, timeMs }
  if (start.sequence === end.sequence) return beforeEnd
  try {
    const batch = (await log.read(sequence, 1)).at(0)
    // The newest event may be gone with what compaction took: then no offset but the end's can stand for it.
    if (batch === undefined || batch.encoding !== 'amqp' || batch.survivors !== undefined) return beforeEnd
    return {
      sequence,
      offset: batch.baseOffset + positionOfEvent(batch.payload, sequence - batch.baseSequence),
      timeMs,
    }
  } catch (error) {
    if (!isEhubError(error, 'storage-corrupt')) throw error
    lines.warn(`the last event of ${label} cannot be read`, { error })
    return beforeEnd
  }
}
