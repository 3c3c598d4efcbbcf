// One partition's log on disk: what its users see. Appends go in through `LogAppender`; readers at the tail are served from
// its memory, others from the segments by `LogReader`.
//
// One event loop; every method may be called at any time. After a failed write or sync the log refuses appends with
// `storage-failed` until it is opened anew, and goes on serving what it can.

import { EhubError } from '../../base/error.ts'
import { Gate } from '../../base/gate.ts'
import { LogCompactor, removedBytes } from './log-compactor.ts'
import { type NumberedState, stateRecord } from './journal-files.ts'
import type { LogState } from './journal-format.ts'
import { LogAppender } from './log-appender.ts'
import type { LogFiles } from './log-files.ts'
import type { HostedLog, LogHost, OpenedLog } from './log-host.ts'
import { type Damage, LogReader } from './log-reader.ts'
import { logKey } from './paths.ts'
import type { Segment } from './segment.ts'
import type { Slab } from './slabs.ts'
import type { SparseIndex } from './sparse-index.ts'
import { isNoSpace, storageClosed, storageError } from './storage-errors.ts'
import type {
  Batch,
  CompactionReport,
  CompactOptions,
  KeepFunction,
  LogConfig,
  LogId,
  LogStatistics,
  Position,
} from './storage-engine.ts'
import { offsetEnd } from './survivors.ts'

// Damaged ranges remembered; more say no more.
const damagedMax = 1000
// What a start reads at most of the newest segment, beside what was not synced, to know what is where in it.
const indexCheckpointBytes = 1024 * 1024

export class SegmentedLog implements HostedLog {
  readonly id: LogId
  readonly gate: Gate
  readonly logNumber: number
  readonly isSync: boolean
  readonly #host: LogHost
  readonly #files: LogFiles
  readonly #appender: LogAppender
  readonly #reader: LogReader
  #start: Position
  #closing: Promise<void> | null = null
  #trimming: Promise<void> = Promise.resolve()
  readonly #compactor: LogCompactor
  #damaged: Damage[]

  constructor(opened: OpenedLog, config: LogConfig, host: LogHost) {
    const { files, place } = opened
    this.id = files.id
    this.isSync = config.durability === 'sync'
    this.#host = host
    this.logNumber = opened.logNumber
    this.#files = files
    this.#start = opened.start
    this.#damaged = [...opened.damaged]
    this.gate = new Gate(place.end.sequence)
    this.#appender = new LogAppender(this, opened, config, host)
    const { writer } = this.#appender
    files.onEvictFailed = (segment, error) => void writer.syncFailed(segment, error)
    this.#reader = new LogReader({
      files,
      filesEnd: () => writer.written.end.sequence,
      onDamage: (damage) => this.#noteDamage(damage),
    })
    this.#compactor = new LogCompactor({
      log: this,
      files,
      appender: this.#appender,
      host,
      segmentBytes: config.segmentBytes,
      endOf: (segment) => this.#reader.endOf(segment),
      untrimmed: (run) => this.#untrimmed(run),
      isClosing: () => this.#closing !== null,
    })
  }

  get start(): Position {
    return this.#start
  }

  get end(): Position {
    return this.#appender.end
  }

  get lastEnqueuedTimeMs(): number | null {
    return this.#appender.lastTimeMs
  }

  get pendingBytes(): number {
    return this.#appender.writer.pendingBytes
  }

  get failure(): EhubError | null {
    return this.#appender.failure
  }

  get unsyncedBytes(): number {
    return this.#appender.writer.unsyncedBytes
  }

  append(batches: readonly Batch[]): Promise<void> {
    if (this.#closing !== null) return Promise.reject(storageClosed(`the log ${logKey(this.id)}`))
    return this.#appender.append(batches)
  }

  rescued(sequence: number): readonly Batch[] {
    return this.#appender.rescued(sequence)
  }

  // ------------------------------------------------------------ the journal and the slabs ask

  journalState(): NumberedState {
    const { synced } = this.#appender.writer
    return {
      logNumber: this.logNumber,
      state: {
        id: this.id,
        start: this.#start,
        segmentBase: synced.segment?.baseSequence ?? null,
        segmentGeneration: synced.segment?.header?.generation ?? 0,
        position: synced.position,
        end: synced.end,
        lastTimeMs: synced.timeMs,
        isExact:
          this.isSync ||
          (this.#closing !== null &&
            this.#appender.inFlight === 0 &&
            synced.end.sequence === this.#appender.end.sequence),
      },
    }
  }

  async syncSegments(): Promise<EhubError | null> {
    const { writer } = this.#appender
    const failure = writer.isStopped ? null : await writer.sync()
    // Also one that was stopped while this was waiting for it.
    if (writer.isStopped) return writer.whenFinal(() => this.#host.rehome(this))
    if (failure !== null) return failure
    await this.#saveIndexes()
    return null
  }

  forgetSlab(slab: Slab): void {
    this.#appender.tail.forget(slab)
  }

  writeBackSoon(): void {
    void this.#appender.writer.write()
  }

  writeBack(): Promise<void> {
    return this.#appender.writer.write()
  }

  async #saveIndexes(): Promise<void> {
    const { segments } = this.#files
    for (const [index, segment] of segments.entries()) {
      const next = segments[index + 1]
      if (next === undefined) await this.#checkpointIndex(segment)
      if (next === undefined || segment.isIndexed || segment.isDirty || segment.writtenPosition < segment.nextPosition)
        continue
      // Only a convenience: a missing index is made again from the segment.
      await this.#files.saveIndex(segment, next.baseSequence).catch(() => undefined)
    }
  }

  async #checkpointIndex(segment: Segment): Promise<void> {
    const { synced } = this.#appender.writer
    if (synced.segment !== segment || synced.position - segment.indexedPosition < indexCheckpointBytes) return
    await this.#files.checkpointIndex(segment, synced.position, synced.end.sequence).catch(() => undefined)
  }

  // ------------------------------------------------------------ read

  readCached(fromSequence: number, maxBytes: number): readonly Batch[] | null {
    if (this.#closing !== null || fromSequence < this.#start.sequence) return null
    if (fromSequence >= this.#appender.end.sequence) return []
    return this.#appender.tail.read(fromSequence, maxBytes)
  }

  async read(fromSequence: number, maxBytes: number): Promise<readonly Batch[]> {
    if (this.#closing !== null) throw storageClosed(`the log ${logKey(this.id)}`)
    if (fromSequence < this.#start.sequence) throw this.#trimmed(fromSequence)
    const cached = this.readCached(fromSequence, maxBytes)
    if (cached !== null) return cached
    // What lies beyond the last sync of a failed file must not be read through the page cache.
    if (this.#appender.writer.isStopped && fromSequence >= this.#appender.writer.synced.end.sequence)
      throw this.#failed()
    try {
      return this.#readOn(await this.#reader.read(fromSequence, maxBytes), maxBytes)
    } catch (error) {
      if (fromSequence < this.#start.sequence) throw this.#trimmed(fromSequence)
      throw error
    }
  }

  /** A read of one segment, and what follows it in the cache as long as it fits. */
  #readOn(batches: readonly Batch[], maxBytes: number): readonly Batch[] {
    const visible = batches.filter((batch) => batch.baseSequence < this.#appender.end.sequence)
    const last = visible.at(-1)
    if (last === undefined) return visible
    let left = maxBytes
    for (const { payload } of visible) left -= payload.length
    const more = left > 0 ? this.readCached(last.baseSequence + last.count, left) : null
    const fits = more?.[0] !== undefined && more[0].payload.length <= left
    return fits ? [...visible, ...more] : visible
  }

  async findByTime(timeMs: number): Promise<number> {
    return this.#find(
      (batch) => batch.enqueuedTimeMs >= timeMs,
      (segment) => (segment.header?.previousTimeMs ?? -Infinity) < timeMs,
      (index) => index.byTime(timeMs),
    )
  }

  async findByOffset(offset: number): Promise<number> {
    return this.#find(
      (batch) => offsetEnd(batch) > offset,
      (segment) => (segment.header?.baseOffset ?? Infinity) <= offset,
      (index) => index.byOffset(offset),
    )
  }

  async #find(
    matches: (batch: Batch) => boolean,
    mayBeginIn: (segment: Segment) => boolean,
    first: (index: SparseIndex) => ReturnType<SparseIndex['bySequence']>,
  ): Promise<number> {
    if (this.#closing !== null) throw storageClosed(`the log ${logKey(this.id)}`)
    const cached = this.#appender.tail.find(matches)
    // The first one held may have matching ones before it that are in the segments.
    const isFirstHeld = cached !== null && cached.baseSequence === this.#appender.tail.firstSequence
    if (cached !== null && (!isFirstHeld || cached.baseSequence <= this.#start.sequence))
      return this.#clamp(cached.baseSequence)
    if (this.#appender.tail.firstSequence !== null && cached === null) return this.#appender.end.sequence
    const found = this.#files.segments.length === 0 ? null : await this.#reader.find(first, mayBeginIn, matches)
    // What lies between is in the files only, and must not be read there.
    const { isStopped, synced } = this.#appender.writer
    const held = this.#appender.tail.firstSequence ?? this.#appender.end.sequence
    if (found === null && isStopped && synced.end.sequence < held) throw this.#failed()
    return this.#clamp(found ?? cached?.baseSequence ?? this.#appender.end.sequence)
  }

  #clamp(sequence: number): number {
    return Math.min(Math.max(sequence, this.#start.sequence), this.#appender.end.sequence)
  }

  // ------------------------------------------------------------ trim

  get oldestSegmentEnd(): number {
    return this.#files.segments[1]?.baseSequence ?? this.#appender.end.sequence
  }

  seal(): void {
    const { active } = this.#files
    if (active !== null && !active.isEmpty) active.isSealed = true
  }

  trimBefore(sequence: number): Promise<void> {
    if (this.#closing !== null) return Promise.reject(storageClosed(`the log ${logKey(this.id)}`))
    return this.#untrimmed(() => this.#trim(sequence))
  }

  async #trim(sequence: number): Promise<void> {
    if (this.#appender.failure !== null) throw this.#appender.failure
    const target = Math.min(sequence, this.#appender.end.sequence)
    if (target <= this.#start.sequence) return
    const start = { sequence: target, offset: await this.#offsetOf(target) }
    // What is known to be synced then reaches beyond the start: recovery never has to look for what was removed.
    const failure = await this.#appender.writer.sync()
    // On a full disk the journal, which has what the segments lack, does instead: trimming is what makes room.
    if (failure !== null && !(this.isSync && isNoSpace(failure))) throw failure
    if (this.#appender.failure !== null) throw this.#appender.failure
    const { logNumber, state } = this.journalState()
    // Durable before anything is unlinked: the other way round a crash would leave a log that begins in the middle.
    const trimmed = start.sequence === this.#appender.end.sequence ? { ...state, ...this.#endState() } : state
    await this.#host.journal.commit(this, [stateRecord({ logNumber, state: { ...trimmed, start } })])
    this.#start = start
    await this.#appender.writer.betweenSyncs(() => this.#removeTrimmed())
  }

  /** Nothing before the end is kept: whether it is synced no longer matters, but where the log goes on does. */
  #endState(): Pick<LogState, 'segmentBase' | 'segmentGeneration' | 'position' | 'end' | 'lastTimeMs'> {
    const { segment, position } = this.#appender.endPlace
    return {
      segmentBase: segment?.baseSequence ?? null,
      segmentGeneration: segment?.header?.generation ?? 0,
      position,
      end: this.#appender.end,
      lastTimeMs: this.#appender.lastTimeMs,
    }
  }

  async #offsetOf(sequence: number): Promise<number> {
    if (sequence >= this.#appender.end.sequence) return this.#appender.end.offset
    try {
      // A compacted batch may begin before the start; the start never goes back.
      return Math.max((await this.read(sequence, 1))[0]?.baseOffset ?? 0, this.#start.offset)
    } catch (error) {
      // Trimming over damage must go on: the start's offset then stays behind, which only widens what is searched.
      if (error instanceof EhubError && error.code === 'storage-corrupt') return this.#start.offset
      throw error
    }
  }

  async #removeTrimmed(): Promise<void> {
    // Its files may be other ones by now: the log goes on elsewhere, and removes them when it is opened anew.
    if (this.#appender.writer.isStopped) throw this.#failed()
    const { segments } = this.#files
    let count = 0
    for (const [index, segment] of segments.entries()) {
      const endSequence = segments[index + 1]?.baseSequence ?? this.#appender.next.sequence
      if (endSequence > this.#start.sequence || !this.#appender.writer.giveUpPending(segment)) break
      count += 1
    }
    if (count === segments.length && count > 0) {
      if (this.#appender.writer.pendingBytes + this.#appender.inFlight > 0) count -= 1
      else this.#appender.passOver()
    }
    try {
      await this.#files.removeFirst(count)
    } catch (error) {
      throw storageError(`remove trimmed segments of ${logKey(this.id)}`, error)
    }
  }

  // ------------------------------------------------------------ compaction

  get closedEnd(): number {
    return this.#compactor.closedEnd
  }

  closeSegment(): Promise<void> {
    return this.#compactor.closeSegment()
  }

  compact(keep: KeepFunction, options: CompactOptions): Promise<CompactionReport> {
    return this.#compactor.compact(keep, options)
  }

  #untrimmed(run: () => Promise<void>): Promise<void> {
    const done = this.#trimming.then(run)
    this.#trimming = done.catch(() => undefined)
    return done
  }

  // ------------------------------------------------------------ the rest

  statistics(): LogStatistics {
    return {
      segments: this.#files.segments.length,
      storedBytes: this.#appender.end.offset - this.#start.offset - removedBytes(this.#files),
      damaged: this.#damaged,
      lastEnqueuedTimeMs: this.#appender.lastTimeMs,
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#appender.settle()
    await this.#compactor.settle()
    await this.#trimming
    await this.syncSegments()
    await this.#appender.discard()
    await this.#files.close()
    this.#host.closed(this)
  }

  #failed(): EhubError {
    return this.#appender.failure ?? new EhubError('storage-failed', `the log ${logKey(this.id)} failed`)
  }

  #noteDamage(damage: Damage): void {
    const isKnown = this.#damaged.some(({ from, to }) => from === damage.from && to === damage.to)
    if (!isKnown && this.#damaged.length < damagedMax) this.#damaged.push(damage)
  }

  #trimmed(sequence: number): EhubError {
    return new EhubError(
      'sequence-trimmed',
      `sequence ${sequence} of ${logKey(this.id)} is gone, the log starts at ${this.#start.sequence}`,
    )
  }
}
