// One partition's log on disk. An append is encoded into memory, made durable the way its durability says, and only then
// visible; readers at the tail are served from that memory, others from the segments.
//
//   sync    stage → journal (one write + fdatasync for all logs) → visible → segment, lazily
//   os      stage → segment (page cache)                         → visible → fdatasync within the sync interval
//
// One event loop; every method may be called at any time. Appends settle in the order of their calls. After a failed write
// or sync the log refuses everything with `storage-failed` until it is opened anew; a full disk refuses until there is
// room and loses nothing.

import { assert } from '../../base/assert.ts'
import { EhubError } from '../../base/error.ts'
import { Gate } from '../../base/gate.ts'
import { encodeSegmentHeader, headerBytes, headerCopyBytes, payloadBytesMax, type SegmentHeader } from './format.ts'
import type { CommitJournal, JournalClient } from './commit-journal.ts'
import type { LogState } from './journal-format.ts'
import { type JournalRecord, type NumberedState, record, stateRecord } from './journal-files.ts'
import type { LogFiles } from './log-files.ts'
import { type Damage, LogReader } from './log-reader.ts'
import { type LogPlace, LogWriter } from './log-writer.ts'
import { logKey } from './paths.ts'
import { Segment } from './segment.ts'
import type { Slab, Slabs, SlabUser } from './slabs.ts'
import type { SparseIndex } from './sparse-index.ts'
import { appendBytes, envelopeRecord, stageBatches, type StagedAppend } from './staged-append.ts'
import { isNoSpace, storageClosed, storageError } from './storage-errors.ts'
import type { Batch, LogConfig, LogId, LogStatistics, PartitionLog, Position } from './storage-engine.ts'
import { TailCache } from './tail-cache.ts'

/** What a log needs of its engine. */
export interface LogHost {
  readonly journal: CommitJournal
  readonly slabs: Slabs
  readonly tailBytesPerLogMax: number
  readonly unsyncedBytesMax: number
  now(): number
  /** A number no file of this data folder ever had. */
  nextGeneration(): number
  /** Why appends are refused at present (disk nearly full), null when they are not. */
  refusal(id: LogId): EhubError | null
  /** Bytes were written: time to look at the free space now and then. */
  wrote(bytes: number): void
  /** The log has bytes to bring into its segments (`sync`) or onto the disk (`os`). */
  needsWriteBack(log: SegmentedLog): void
  needsSync(log: SegmentedLog): void
  /** A write met a full disk. */
  noSpace(error: EhubError): void
  failed(log: SegmentedLog, error: EhubError): void
  /**
   * Brings what is acknowledged and not synced into a new segment, because the file of the present one failed. The log
   * stays failed until it is opened anew. Resolves to the error when that failed, too.
   */
  rehome(log: SegmentedLog): Promise<EhubError | null>
  closed(log: SegmentedLog): void
}

export interface OpenedLog {
  readonly logNumber: number
  readonly files: LogFiles
  readonly start: Position
  /** Where the log ends, in its newest segment. */
  readonly place: LogPlace
  readonly damaged: readonly Damage[]
}

interface WaitingAppend {
  readonly batches: readonly Batch[]
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

// What stays in memory of one log before it is written into its segment: larger writes are cheaper.
const writeBackBytes = 256 * 1024
// Under durability `os` up to here a write on this thread is cheaper than handing it to another.
const synchronousBytesMax = 64 * 1024
// Damaged ranges remembered; more say no more.
const damagedMax = 1000

export class SegmentedLog implements PartitionLog, JournalClient, SlabUser {
  readonly id: LogId
  readonly gate: Gate
  readonly #host: LogHost
  readonly #config: LogConfig
  readonly logNumber: number
  readonly #files: LogFiles
  readonly #writer: LogWriter
  readonly #reader: LogReader
  readonly #tail: TailCache
  #start: Position
  #end: Position
  #lastTimeMs: number | null
  /** Where the next append must begin: `end` and what is in flight. */
  #next: Position
  #nextTimeMs: number
  /** Where `end` lies. */
  #endPlace: { readonly segment: Segment | null; readonly position: number }
  /** Staged and not yet durable. */
  #inFlight = 0
  /** Rises when appends are refused: what was staged before continues what is not there. */
  #epoch = 0
  #waiting: WaitingAppend[] = []
  /** Why the last append was refused; later ones in flight that continue it are refused alike. */
  #refused: EhubError | null = null
  #failure: EhubError | null = null
  /** A write failed and is being cut off. */
  #cutting: EhubError | null = null
  #closing: Promise<void> | null = null
  #idle: (() => void)[] = []
  #trimming: Promise<void> = Promise.resolve()
  #damaged: Damage[]

  constructor(opened: OpenedLog, config: LogConfig, host: LogHost) {
    const { files, place } = opened
    this.id = files.id
    this.#host = host
    this.#config = config
    this.logNumber = opened.logNumber
    this.#files = files
    this.#start = opened.start
    this.#end = place.end
    this.#next = place.end
    this.#endPlace = place
    this.#lastTimeMs = place.timeMs
    this.#nextTimeMs = place.timeMs ?? 0
    this.#damaged = [...opened.damaged]
    this.gate = new Gate(place.end.sequence)
    this.#tail = new TailCache(host.tailBytesPerLogMax)
    this.#writer = new LogWriter(place, {
      files,
      slabs: host.slabs,
      onWritten: (appends) => this.#onWritten(appends),
      onWriteFailed: (error) => this.#onWriteFailed(error),
      onSyncFailed: (segment, error) => this.#onSyncFailed(segment, error),
      unsyncedBytesMax: config.durability === 'os' ? host.unsyncedBytesMax : Infinity,
    })
    files.onEvict = async () => void (await this.#writer.sync())
    this.#reader = new LogReader({
      files,
      filesEnd: () => this.#writer.written.end.sequence,
      onDamage: (damage) => this.#noteDamage(damage),
    })
  }

  get start(): Position {
    return this.#start
  }

  get end(): Position {
    return this.#end
  }

  get lastEnqueuedTimeMs(): number | null {
    return this.#lastTimeMs
  }

  get isSync(): boolean {
    return this.#config.durability === 'sync'
  }

  get pendingBytes(): number {
    return this.#writer.pendingBytes
  }

  get unsyncedBytes(): number {
    return this.#writer.unsyncedBytes
  }

  // ------------------------------------------------------------ append

  append(batches: readonly Batch[]): Promise<void> {
    const refusal = this.#refusalOf(batches)
    if (refusal !== null) return Promise.reject(refusal)
    return new Promise((resolve, reject) => {
      const append = { batches, resolve, reject }
      if (this.#waiting.length > 0 || !this.#stage(append)) this.#wait(append)
    })
  }

  #refusalOf(batches: readonly Batch[]): EhubError | null {
    if (this.#failure !== null) return this.#failure
    if (this.#closing !== null) return storageClosed(`the log ${logKey(this.id)}`)
    if (this.#cutting !== null) return this.#cutting
    const first = batches[0]
    assert(first !== undefined, 'an append has a batch')
    // Continues one that was refused while this was on its way.
    if (this.#refused !== null && first.baseSequence !== this.#next.sequence) return this.#refused
    for (const { payload } of batches) {
      if (payload.length > payloadBytesMax) {
        return new EhubError(
          'event-too-large',
          `a batch of ${payload.length} bytes exceeds ${payloadBytesMax} of a log`,
        )
      }
    }
    const refusal = this.#host.refusal(this.id)
    if (refusal !== null) this.#refused = refusal
    return refusal
  }

  /** False when there is no room in memory now. */
  #stage(append: WaitingAppend): boolean {
    const { batches } = append
    const bytes = appendBytes(batches)
    if (!this.#host.slabs.makeRoom(bytes)) return false
    this.#checkContinuity(batches)
    this.#refused = null
    const { segment, isNew } = this.#segmentFor(bytes, batches)
    const { header } = segment
    assert(header !== null, 'a segment that is appended to has its header')
    const durableEnd = this.#config.durability === 'sync' ? this.#end.sequence : this.#writer.synced.end.sequence
    const place = { slabs: this.#host.slabs, user: this, segment, generation: header.generation, durableEnd }
    const staged = stageBatches(batches, place)
    const last = batches.at(-1)
    assert(last !== undefined, 'an append has a batch')
    this.#next = { sequence: last.baseSequence + last.count, offset: last.baseOffset + last.payload.length }
    this.#nextTimeMs = last.enqueuedTimeMs
    this.#inFlight += 1
    const { resolve, reject } = append
    const whole: StagedAppend = {
      segment,
      batches: staged,
      bytes,
      end: this.#next,
      timeMs: last.enqueuedTimeMs,
      resolve,
      reject,
    }
    this.#host.wrote(bytes)
    if (this.#config.durability === 'sync') this.#commitToJournal(whole, isNew ? header : null)
    else this.#commitToSegment(whole)
    return true
  }

  #wait(append: WaitingAppend): void {
    this.#waiting.push(append)
    if (this.#waiting.length === 1) this.#host.slabs.whenRoom(() => this.#stageWaiting())
  }

  #stageWaiting(): void {
    for (let append = this.#waiting[0]; append !== undefined; append = this.#waiting[0]) {
      if (!this.#stage(append)) {
        this.#host.slabs.whenRoom(() => this.#stageWaiting())
        return
      }
      this.#waiting.shift()
    }
    this.#tellIdle()
  }

  #checkContinuity(batches: readonly Batch[]): void {
    let { sequence, offset } = this.#next
    let timeMs = this.#nextTimeMs
    for (const batch of batches) {
      assert(batch.baseSequence === sequence, `batch ${batch.baseSequence} continues ${logKey(this.id)} at ${sequence}`)
      assert(batch.baseOffset >= offset, `offset ${batch.baseOffset} continues ${logKey(this.id)} at ${offset}`)
      assert(batch.enqueuedTimeMs >= timeMs, `time ${batch.enqueuedTimeMs} continues ${logKey(this.id)} at ${timeMs}`)
      assert(batch.count >= 1, 'a batch holds an event')
      sequence += batch.count
      offset = batch.baseOffset + batch.payload.length
      timeMs = batch.enqueuedTimeMs
    }
  }

  /** The segment the append goes into: the newest, or a new one when it is full or there is none. */
  #segmentFor(bytes: number, batches: readonly Batch[]): { segment: Segment; isNew: boolean } {
    const active = this.#files.active
    const hasRoom = active !== null && !active.isEnded && active.header !== null
    if (hasRoom && (active.nextPosition + bytes <= this.#config.segmentBytes || active.isEmpty)) {
      return { segment: active, isNew: false }
    }
    const first = batches[0]
    assert(first !== undefined, 'an append has a batch')
    const header: SegmentHeader = {
      generation: this.#host.nextGeneration(),
      id: this.id,
      baseSequence: first.baseSequence,
      // Not the batch's own, which may leave a gap: whatever comes here continues the log at this offset or beyond.
      baseOffset: this.#next.offset,
      createdAtMs: this.#host.now(),
      previousTimeMs: this.#inFlight > 0 || this.#lastTimeMs !== null ? this.#nextTimeMs : null,
      previous:
        active === null
          ? null
          : { baseSequence: active.baseSequence, endPosition: active.nextPosition, endSequence: this.#next.sequence },
      durableEnd: this.#config.durability === 'sync' ? this.#end.sequence : this.#writer.synced.end.sequence,
    }
    const segment = new Segment(this.id, first.baseSequence, header, false)
    segment.startIndex()
    this.#files.segments.push(segment)
    return { segment, isNew: true }
  }

  // ------------------------------------------------------------ commit

  #commitToJournal(append: StagedAppend, newSegment: SegmentHeader | null): void {
    const records: JournalRecord[] = []
    let bodyBytes = 0
    if (newSegment !== null) {
      records.push(record('segment', this.logNumber, encodeSegmentHeader(newSegment).subarray(0, headerCopyBytes)))
      bodyBytes += headerCopyBytes
    }
    for (const { envelope, position, batch } of append.batches) {
      records.push(
        envelopeRecord(this.logNumber, append.segment.baseSequence, position, envelope, batch.payload.length),
      )
      bodyBytes += envelope.length
    }
    const epoch = this.#epoch
    this.#host.journal.submit({
      client: this,
      records,
      bodyBytes,
      obstacle: () => this.#failure ?? (epoch === this.#epoch ? null : this.#refused),
      committed: () => {
        this.#commit(append)
        if (this.#writer.isStopped) return this.#giveUp([append])
        this.#writer.enqueue(append)
        if (this.#writer.pendingBytes >= writeBackBytes || this.#host.slabs.isWanted) void this.#writer.write()
        else this.#host.needsWriteBack(this)
      },
      failed: (error) => this.#refuse([append], error),
    })
  }

  #commitToSegment(append: StagedAppend): void {
    if (append.bytes <= synchronousBytesMax) {
      let isWritten = false
      try {
        isWritten = this.#writer.writeAtOnce(append)
      } catch (error) {
        this.#writer.enqueue(append)
        void this.#onWriteFailed(error)
        return
      }
      if (isWritten) return
    }
    this.#writer.enqueue(append)
    void this.#writer.write()
  }

  /** The append is durable in the declared sense: show it, open the gate, answer. */
  #commit(append: StagedAppend): void {
    for (const { batch, slab, position } of append.batches) {
      this.#tail.push(batch, slab)
      append.segment.index?.note(batch, position)
    }
    assert(append.end.sequence > this.#end.sequence, 'appends are committed in order')
    const last = append.batches.at(-1)
    this.#end = append.end
    this.#endPlace = { segment: append.segment, position: (last?.position ?? 0) + (last?.envelope.length ?? 0) }
    this.#lastTimeMs = append.timeMs
    this.#inFlight -= 1
    // Under `os` what is not synced stays as long as there is memory: a failed sync then loses nothing acknowledged.
    this.#tail.shrink((this.isSync ? this.#writer.written : this.#writer.synced).end.sequence)
    this.gate.open(append.end.sequence)
    append.resolve()
    this.#tellIdle()
  }

  /** What is in memory from `sequence` on, for a log that lost its file. */
  rescued(sequence: number): readonly Batch[] {
    const first = Math.max(sequence, this.#tail.firstSequence ?? this.#end.sequence)
    return first < this.#end.sequence ? (this.#tail.read(first, Infinity) ?? []) : []
  }

  #onWritten(appends: readonly StagedAppend[]): void {
    if (this.#config.durability === 'sync') return
    for (const append of appends) this.#commit(append)
    this.#host.needsSync(this)
  }

  // ------------------------------------------------------------ refusing and failing

  /** Nothing of these is kept. A full disk lets later appends go on at `end`; anything else fails the log. */
  #refuse(appends: readonly StagedAppend[], error: EhubError): void {
    this.#giveUp(appends)
    this.#inFlight -= appends.length
    if (error.code !== 'disk-full') this.#fail(error, false)
    // Not again for one that was staged before an earlier one was refused: another may have begun at `end` since.
    else if (appends[0]?.batches[0]?.batch.baseSequence === this.#end.sequence) this.#rollBack(error)
    for (const append of appends) append.reject(error)
    for (const waiting of this.#waiting.splice(0)) waiting.reject(error)
    this.#tellIdle()
  }

  #giveUp(appends: readonly StagedAppend[]): void {
    for (const { batches } of appends)
      for (const { slab, envelope } of batches) this.#host.slabs.settle(slab, envelope.length)
  }

  /** The next append continues at `end` again, in the place that comes free. */
  #rollBack(error: EhubError): void {
    this.#host.noSpace(error)
    this.#refused = error
    this.#epoch += 1
    this.#next = this.#end
    this.#nextTimeMs = this.#lastTimeMs ?? 0
    const { segments } = this.#files
    while (segments.length > 0 && segments.at(-1) !== this.#endPlace.segment && segments.at(-1)?.isOnDisk === false)
      segments.pop()
    const { active } = this.#files
    if (active !== null) active.nextPosition = active === this.#endPlace.segment ? this.#endPlace.position : headerBytes
  }

  /** @param isFileBroken Nothing more may be written into the present segment. */
  #fail(error: EhubError, isFileBroken: boolean): void {
    if (isFileBroken) this.#writer.stop()
    if (this.#failure !== null) return
    this.#failure =
      error.code === 'storage-failed' ? error : new EhubError('storage-failed', error.message, { cause: error })
    this.#host.failed(this, this.#failure)
  }

  async #onWriteFailed(cause: unknown): Promise<void> {
    const error = storageError(`write ${logKey(this.id)}`, cause)
    if (this.#config.durability === 'sync') {
      // The journal has it all. A full disk passes; anything else is repaired from the journal when the log is opened anew.
      if (isNoSpace(error)) return this.#host.noSpace(error)
      this.#giveUp(this.#writer.takePending())
      this.#fail(error, true)
      return
    }
    this.#cutting = error
    const refused = this.#writer.takePending()
    try {
      for (const segment of this.#files.segments) {
        if (segment.nextPosition > segment.writtenPosition) await this.#files.cut(segment)
      }
      this.#cutting = null
      this.#refuse(refused, error)
    } catch (cutError) {
      // What was refused may be found after a crash: nobody may be told that it was not written.
      this.#cutting = null
      this.#writer.stop()
      const { message } = storageError(`cut ${logKey(this.id)} back`, cutError)
      this.#refuse(refused, new EhubError('storage-failed', message, { cause }))
    }
  }

  #onSyncFailed(segment: Segment, error: EhubError): void {
    segment.isEnded = true
    const failure = new EhubError('storage-failed', error.message, { cause: error })
    const pending = this.#writer.takePending()
    this.#fail(failure, true)
    // Under `sync` they are acknowledged, and the journal has them.
    if (this.isSync) this.#giveUp(pending)
    else this.#refuse(pending, failure)
  }

  // ------------------------------------------------------------ the journal and the slabs ask

  journalState(): NumberedState {
    const { synced } = this.#writer
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
          this.isSync || (this.#closing !== null && this.#inFlight === 0 && synced.end.sequence === this.#end.sequence),
      },
    }
  }

  async syncSegments(): Promise<EhubError | null> {
    if (this.#writer.isStopped) return this.#host.rehome(this)
    const failure = await this.#writer.sync()
    if (failure !== null) return this.#writer.isStopped ? this.#host.rehome(this) : failure
    await this.#saveIndexes()
    return null
  }

  forgetSlab(slab: Slab): void {
    this.#tail.forget(slab)
  }

  writeBackSoon(): void {
    void this.#writer.write()
  }

  writeBack(): Promise<void> {
    return this.#writer.write()
  }

  async #saveIndexes(): Promise<void> {
    const { segments } = this.#files
    for (const [index, segment] of segments.entries()) {
      const next = segments[index + 1]
      if (next === undefined || segment.isIndexed || segment.isDirty || segment.writtenPosition < segment.nextPosition)
        continue
      // Only a convenience: a missing index is made again from the segment.
      await this.#files.saveIndex(segment, next.baseSequence).catch(() => undefined)
    }
  }

  // ------------------------------------------------------------ read

  readCached(fromSequence: number, maxBytes: number): readonly Batch[] | null {
    if (this.#closing !== null || fromSequence < this.#start.sequence) return null
    if (fromSequence >= this.#end.sequence) return []
    return this.#tail.read(fromSequence, maxBytes)
  }

  async read(fromSequence: number, maxBytes: number): Promise<readonly Batch[]> {
    if (this.#closing !== null) throw storageClosed(`the log ${logKey(this.id)}`)
    if (fromSequence < this.#start.sequence) throw this.#trimmed(fromSequence)
    const cached = this.readCached(fromSequence, maxBytes)
    if (cached !== null) return cached
    // What lies beyond the last sync of a failed file must not be read through the page cache.
    if (this.#writer.isStopped && fromSequence >= this.#writer.synced.end.sequence) throw this.#failed()
    try {
      return this.#readOn(await this.#reader.read(fromSequence, maxBytes), maxBytes)
    } catch (error) {
      if (fromSequence < this.#start.sequence) throw this.#trimmed(fromSequence)
      throw error
    }
  }

  /** A read of one segment, and what follows it in the cache as long as it fits. */
  #readOn(batches: readonly Batch[], maxBytes: number): readonly Batch[] {
    const visible = batches.filter((batch) => batch.baseSequence < this.#end.sequence)
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
      (batch) => batch.baseOffset + batch.payload.length > offset,
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
    const cached = this.#tail.find(matches)
    // The first one held may have matching ones before it that are in the segments.
    const isFirstHeld = cached !== null && cached.baseSequence === this.#tail.firstSequence
    if (cached !== null && (!isFirstHeld || cached.baseSequence <= this.#start.sequence))
      return this.#clamp(cached.baseSequence)
    if (this.#tail.firstSequence !== null && cached === null) return this.#end.sequence
    const found = this.#files.segments.length === 0 ? null : await this.#reader.find(first, mayBeginIn, matches)
    return this.#clamp(found ?? cached?.baseSequence ?? this.#end.sequence)
  }

  #clamp(sequence: number): number {
    return Math.min(Math.max(sequence, this.#start.sequence), this.#end.sequence)
  }

  // ------------------------------------------------------------ trim

  trimBefore(sequence: number): Promise<void> {
    if (this.#closing !== null) return Promise.reject(storageClosed(`the log ${logKey(this.id)}`))
    const trimmed = this.#trimming.then(() => this.#trim(sequence))
    this.#trimming = trimmed.catch(() => undefined)
    return trimmed
  }

  async #trim(sequence: number): Promise<void> {
    if (this.#failure !== null) throw this.#failure
    const target = Math.min(sequence, this.#end.sequence)
    if (target <= this.#start.sequence) return
    const start = { sequence: target, offset: await this.#offsetOf(target) }
    // What is known to be synced then reaches beyond the start: recovery never has to look for what was removed.
    const failure = await this.#writer.sync()
    // On a full disk the journal, which has what the segments lack, does instead: trimming is what makes room.
    if (failure !== null && !(this.isSync && isNoSpace(failure))) throw failure
    const { logNumber, state } = this.journalState()
    // Durable before anything is unlinked: the other way round a crash would leave a log that begins in the middle.
    const trimmed = start.sequence === this.#end.sequence ? { ...state, ...this.#endState() } : state
    await this.#host.journal.commit(this, [stateRecord({ logNumber, state: { ...trimmed, start } })])
    this.#start = start
    await this.#writer.betweenSyncs(() => this.#removeTrimmed())
  }

  /** Nothing before the end is kept: whether it is synced no longer matters, but where the log goes on does. */
  #endState(): Pick<LogState, 'segmentBase' | 'segmentGeneration' | 'position' | 'end' | 'lastTimeMs'> {
    const { segment, position } = this.#endPlace
    return {
      segmentBase: segment?.baseSequence ?? null,
      segmentGeneration: segment?.header?.generation ?? 0,
      position,
      end: this.#end,
      lastTimeMs: this.#lastTimeMs,
    }
  }

  async #offsetOf(sequence: number): Promise<number> {
    if (sequence >= this.#end.sequence) return this.#end.offset
    try {
      return (await this.read(sequence, 1))[0]?.baseOffset ?? this.#start.offset
    } catch (error) {
      // Trimming over damage must go on: the start's offset then stays behind, which only widens what is searched.
      if (error instanceof EhubError && error.code === 'storage-corrupt') return this.#start.offset
      throw error
    }
  }

  async #removeTrimmed(): Promise<void> {
    const { segments } = this.#files
    let count = 0
    for (const [index, segment] of segments.entries()) {
      const endSequence = segments[index + 1]?.baseSequence ?? this.#next.sequence
      if (endSequence > this.#start.sequence || !this.#writer.giveUpPending(segment)) break
      count += 1
    }
    if (count === segments.length && count > 0) {
      if (this.#writer.pendingBytes + this.#inFlight > 0) count -= 1
      else this.#passOver()
    }
    try {
      await this.#files.removeFirst(count)
    } catch (error) {
      throw storageError(`remove trimmed segments of ${logKey(this.id)}`, error)
    }
  }

  /** The log is empty and has no segment any more. */
  #passOver(): void {
    this.#endPlace = { segment: null, position: 0 }
    this.#writer.passOver({ segment: null, position: 0, end: this.#end, timeMs: this.#lastTimeMs })
  }

  // ------------------------------------------------------------ the rest

  statistics(): LogStatistics {
    return {
      segments: this.#files.segments.length,
      storedBytes: this.#end.offset - this.#start.offset,
      damaged: this.#damaged,
      lastEnqueuedTimeMs: this.#lastTimeMs,
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    while (this.#inFlight > 0 || this.#waiting.length > 0)
      await new Promise<void>((resolve) => this.#idle.push(resolve))
    await this.#trimming
    await this.syncSegments()
    await this.#files.close()
    this.#tail.clear()
    this.#host.closed(this)
  }

  #tellIdle(): void {
    if (this.#inFlight > 0 || this.#waiting.length > 0) return
    for (const run of this.#idle.splice(0)) run()
  }

  #failed(): EhubError {
    return this.#failure ?? new EhubError('storage-failed', `the log ${logKey(this.id)} failed`)
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
