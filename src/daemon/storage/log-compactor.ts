// Compaction as one log offers it: which segments are closed, ending the newest, and the promises that make rewriting safe. The work is
// in `compact-log.ts`.

import { assert } from '../../base/assert.ts'
import { compactLog } from './compact-log.ts'
import { DiskError } from './disk.ts'
import { stateRecord } from './journal-files.ts'
import type { LogAppender } from './log-appender.ts'
import type { LogFiles } from './log-files.ts'
import type { HostedLog, LogHost } from './log-host.ts'
import { logKey } from './paths.ts'
import type { Segment } from './segment.ts'
import type { SegmentEnd } from './log-reader.ts'
import { storageClosed, storageError } from './storage-errors.ts'
import type { CompactionReport, CompactOptions, KeepFunction } from './storage-engine.ts'

export interface LogCompactorParts {
  readonly log: HostedLog
  readonly files: LogFiles
  readonly appender: LogAppender
  readonly host: LogHost
  readonly segmentBytes: number
  readonly endOf: (segment: Segment) => Promise<SegmentEnd>
  /** Runs while nothing is trimmed. */
  readonly untrimmed: (run: () => Promise<void>) => Promise<void>
  readonly isClosing: () => boolean
}

export class LogCompactor {
  readonly #parts: LogCompactorParts
  #running: Promise<CompactionReport> | null = null

  constructor(parts: LogCompactorParts) {
    this.#parts = parts
  }

  /** Sequences below lie in segments that are appended to no more and are synced. */
  get closedEnd(): number {
    const { synced } = this.#parts.appender.writer
    return synced.segment === null ? synced.end.sequence : synced.segment.baseSequence
  }

  /** As `PartitionLog.closeSegment`. */
  async closeSegment(): Promise<void> {
    this.#check()
    await this.#sync()
    this.#check()
    // From here on synchronous: nothing is appended in between.
    const { appender, files } = this.#parts
    const { active } = files
    if (active === null || active.isEnded || active.isEmpty) return
    active.isSealed = true
    const { synced } = appender.writer
    if (!appender.isIdle || synced.end.sequence !== appender.end.sequence || active.isDirty) return
    active.isEnded = true
    appender.passOver()
  }

  /** As `PartitionLog.compact`. */
  async compact(keep: KeepFunction, options: CompactOptions): Promise<CompactionReport> {
    assert(this.#running === null, 'one compaction of a log at a time')
    this.#running = this.#compact(keep, options)
    try {
      return await this.#running
    } finally {
      this.#running = null
    }
  }

  /** Resolves when no compaction is under way. */
  async settle(): Promise<void> {
    await this.#running?.catch(() => undefined)
  }

  async #compact(keep: KeepFunction, options: CompactOptions): Promise<CompactionReport> {
    const { log, files, appender, host, segmentBytes, endOf, untrimmed } = this.#parts
    this.#check()
    await this.#sync()
    const end = this.closedEnd
    // From now on the journal knows that all of it is synced: no start will look for it in segments that are no more.
    await host.journal.commit(log, [stateRecord(log.journalState())])
    const parts = {
      files,
      segmentBytes,
      end,
      durableEnd: end,
      nextGeneration: () => host.nextGeneration(),
      now: () => host.now(),
      endOf,
      exclusively: (run: () => Promise<void>) => untrimmed(() => appender.writer.betweenSyncs(run)),
      onReplaced: (endSequence: number) => appender.tail.forgetBelow(endSequence),
      check: () => this.#check(),
    }
    try {
      return await compactLog(parts, keep, options)
    } catch (error) {
      throw error instanceof DiskError ? storageError(`compact ${logKey(log.id)}`, error) : error
    }
  }

  async #sync(): Promise<void> {
    const failure = await this.#parts.appender.writer.sync()
    if (failure !== null) throw failure
  }

  /** @throws EhubError when no file may be changed any more. */
  #check(): void {
    const { log, appender, host, isClosing } = this.#parts
    if (isClosing()) throw storageClosed(`the log ${logKey(log.id)}`)
    if (appender.failure !== null) throw appender.failure
    const refusal = host.upkeepRefusal()
    if (refusal !== null) throw refusal
  }
}

/** Payload bytes that compaction took from the segments. */
export function removedBytes({ segments }: LogFiles): number {
  let bytes = 0
  for (const { header } of segments) {
    if (header?.compacted !== undefined)
      bytes += header.compacted.endOffset - header.baseOffset - header.compacted.payloadBytes
  }
  return bytes
}
