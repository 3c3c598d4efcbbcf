// A storage engine on a simulated disk with a model beside every log: what the simulation, the crash points and the
// sweeps are made of. Everything the engine says is checked as it says it.

import { type EhubError, type EhubErrorCode, isEhubError } from '../../src/base/error.ts'
import type { Random } from '../../src/base/random.ts'
import type { Log } from '../../src/base/log.ts'
import type { Clock } from '../../src/base/clock.ts'
import type { Disk } from '../../src/daemon/storage/disk.ts'
import type { Batch, LogConfig, LogId, PartitionLog, StorageEngine } from '../../src/daemon/storage/storage-engine.ts'
import { type FaultPlan, noFaults, type OperationKind } from './faults.ts'
import { type Call, LogModel, ModelViolation } from './model.ts'
import { quiesce, settle, StuckError } from './scheduler.ts'
import { SimClock } from './sim-clock.ts'
import { type CrashOutcome, SimDisk, type SimDiskOptions } from './sim-disk.ts'
import { batchesAfter } from './sim-batches.ts'
import { keepAbove } from './sim-compaction.ts'
import { SimRandom } from './sim-random.ts'

export interface EngineParts {
  readonly disk: Disk
  readonly clock: Clock
  readonly random: Random
  /** Not given: nobody listens. */
  readonly log?: Log
}
export type OpenEngine = (parts: EngineParts) => Promise<StorageEngine>

export type Outcome<T> =
  | { readonly kind: 'done'; readonly value: T }
  | { readonly kind: 'failed'; readonly error: EhubError }
  /** The power went while it was under way. */
  | { readonly kind: 'stopped' }

/** One log as the world knows it: the model stays when the handle goes. */
export interface WorldLog {
  readonly id: LogId
  readonly config: LogConfig
  model: LogModel
  handle: PartitionLog | null
  inFlight: number
  isCompacting: boolean
  /** It told us to open it anew, or it was never opened since the last restart. */
  isFailed: boolean
  /** The power went since it was last open: what was not synced may be gone. */
  isCut: boolean
  /** The disk failed it a write or sync and it is not `sync`: what it had not synced may also be declared damaged. */
  isDoubtful: boolean
  /** `deleteGroup` was called and not answered: gone or as it was. */
  isDeleting: boolean
}

/** Errors an operation may end with while faults are on; without them only the trimmed one. */
const faultCodes: readonly EhubErrorCode[] = [
  'storage-failed',
  'disk-full',
  'storage-closed',
  'data-folder-unusable',
  'server-busy',
]

export class StorageWorld {
  readonly random: SimRandom
  readonly clock = new SimClock()
  readonly logs = new Map<string, WorldLog>()
  disk: SimDisk
  engine: StorageEngine | null = null
  /** Whether operations may fail: injected faults or a full disk. */
  mayFail = false
  compactions = 0
  eventsCompacted = 0
  /** Of the disk after the next restart. */
  capacityBytes: number
  #openEngine: OpenEngine
  #generation = 0
  #violation: Error | null = null
  #traceHash = 0
  readonly #diskOptions: () => SimDiskOptions

  constructor(openEngine: OpenEngine, random: SimRandom, diskOptions: SimDiskOptions = {}) {
    this.#openEngine = openEngine
    this.random = random
    this.capacityBytes = diskOptions.capacityBytes ?? Infinity
    this.#diskOptions = () => ({ clock: this.clock, ...diskOptions, capacityBytes: this.capacityBytes })
    this.disk = new SimDisk({ ...this.#diskOptions(), random: random.split('disk') })
  }

  get traceHash(): number {
    return (this.#traceHash ^ this.disk.traceHash) >>> 0
  }

  /** Awaits, telling failures that may happen from those that may not. @throws ModelViolation, StuckError. */
  async attempt<T>(promise: Promise<T>, allowed: readonly EhubErrorCode[] = []): Promise<Outcome<T>> {
    try {
      const value = await settle(promise, this.disk.scheduler, this.clock)
      this.#check()
      return { kind: 'done', value }
    } catch (error) {
      this.#check()
      if (this.disk.isStopped && !(error instanceof ModelViolation)) return { kind: 'stopped' }
      if (!isEhubError(error)) throw error
      if (allowed.includes(error.code) || (this.mayFail && faultCodes.includes(error.code))) {
        return { kind: 'failed', error }
      }
      throw new ModelViolation(`unexpected error ${error.code}: ${error.message}`, { cause: error })
    }
  }

  async quiesce(): Promise<void> {
    await quiesce(this.disk.scheduler)
    this.#check()
  }

  // ------------------------------------------------------------ the engine

  async open(): Promise<Outcome<void>> {
    const random = this.random.split('engine')
    const outcome = await this.attempt(this.#openEngine({ disk: this.disk, clock: this.clock, random }))
    if (outcome.kind !== 'done') return outcome
    this.engine = outcome.value
    return { kind: 'done', value: undefined }
  }

  /**
   * Ends the process, and with an outcome the machine; the engine is closed. Faults are gone.
   * @param isClean The engine was closed before: nothing may be lost.
   */
  restart(outcome: CrashOutcome | 'kill', keptFraction = this.random.uint32() / 2 ** 32, isClean = false): void {
    this.#generation++
    this.#traceHash = Math.imul(this.traceHash ^ outcome.length, 0x01000193)
    this.disk =
      outcome === 'kill'
        ? this.disk.kill(this.#diskOptions())
        : this.disk.crash(outcome, this.#diskOptions(), keptFraction)
    this.clock.dropTimers()
    this.engine = null
    for (const log of this.logs.values()) {
      log.handle = null
      log.inFlight = 0
      log.isCompacting = false
      log.isFailed = false
      log.isCut ||= outcome !== 'kill' && !isClean
    }
  }

  setFaults(faults: FaultPlan = noFaults): void {
    this.mayFail = faults !== noFaults
    this.disk.faults = (operation) => {
      const fault = faults(operation)
      // The page cache is not to be trusted any more: what a log that is not `sync` had not synced may be gone (P1).
      if (fault !== null && fault.kind !== 'delay' && isChange(operation.kind)) {
        for (const log of this.logs.values()) {
          log.isCut ||= log.config.durability !== 'sync'
          log.isDoubtful ||= log.config.durability !== 'sync'
        }
      }
      return fault
    }
  }

  // ------------------------------------------------------------ logs

  log(id: LogId, config: LogConfig): WorldLog {
    const name = `${id.group}/${id.partition}`
    let log = this.logs.get(name)
    if (log === undefined) {
      log = {
        id,
        config,
        model: new LogModel(id, config.durability),
        handle: null,
        inFlight: 0,
        isCompacting: false,
        isFailed: false,
        isCut: false,
        isDoubtful: false,
        isDeleting: false,
      }
      this.logs.set(name, log)
    }
    return log
  }

  /** Opens the log, checking what it holds against the model. */
  async openLog(log: WorldLog): Promise<Outcome<PartitionLog>> {
    const outcome = await this.attempt(this.engine!.openLog(log.id, log.config))
    if (outcome.kind !== 'done') {
      log.isFailed = true
      return outcome
    }
    const handle = outcome.value
    log.handle = handle
    log.isFailed = false
    if (log.isDeleting && handle.end.sequence === 0 && handle.lastEnqueuedTimeMs === null) this.#forget(log)
    log.isDeleting = false
    log.model.reopened(handle.start, handle.end, handle.lastEnqueuedTimeMs, log.isCut)
    log.isCut = false
    return outcome
  }

  async closeLog(log: WorldLog): Promise<Outcome<void>> {
    const { handle } = log
    if (handle === null) return { kind: 'done', value: undefined }
    const outcome = await this.attempt(handle.close())
    log.handle = null
    return outcome
  }

  /** Hands batches to the log without waiting; the model is told what becomes of them. */
  append(log: WorldLog, batches: readonly Batch[]): void {
    const handle = log.handle!
    const call = log.model.submit(batches)
    const generation = this.#generation
    const isPast = () => generation !== this.#generation || this.disk.isStopped
    log.inFlight++
    handle.append(batches).then(
      () => {
        if (isPast()) return
        log.inFlight--
        this.disk.trace(1, handle.end.sequence)
        this.#guard(() => log.model.stored(call, handle.end))
      },
      (error: unknown) => {
        if (isPast()) return
        log.inFlight--
        this.disk.trace(2, handle.end.sequence)
        this.#guard(() => this.#appendFailed(log, call, error))
      },
    )
  }

  #appendFailed(log: WorldLog, call: Call, error: unknown): void {
    if (!isEhubError(error)) throw error
    if (!this.mayFail) throw new ModelViolation(`append failed without a fault: ${error.code} ${error.message}`)
    if (error.code === 'disk-full') return log.model.refused(call)
    if (error.code !== 'storage-failed' && error.code !== 'storage-closed') {
      throw new ModelViolation(`append failed with ${error.code}: ${error.message}`, { cause: error })
    }
    log.model.failed(call)
    log.isFailed = true
  }

  /** Batches that continue the log, with payloads nobody else has. */
  makeBatches(log: WorldLog, count: number, bytesMax: number): Batch[] {
    return batchesAfter(log.model, this.random, this.clock.now(), count, bytesMax)
  }

  /** Reads from `from` and checks it. */
  async read(log: WorldLog, from: number, maxBytes: number): Promise<Outcome<readonly Batch[]>> {
    const handle = log.handle!
    // What the log shows already counts, also when its append is only about to resolve.
    log.model.checkBounds(handle.start, handle.end, handle.lastEnqueuedTimeMs)
    const end = handle.end.sequence
    const cached = handle.readCached(from, maxBytes)
    if (cached !== null) log.model.checkRead(from, maxBytes, cached, end)
    const outcome = await this.attempt(handle.read(from, maxBytes), [
      'sequence-trimmed',
      // A disk that cannot read a part of a piece is damage for this read.
      ...(log.isDoubtful || this.mayFail ? (['storage-corrupt'] as const) : []),
    ])
    if (outcome.kind === 'failed' && outcome.error.code === 'storage-corrupt' && !log.isDoubtful) {
      if (!outcome.error.message.includes('the disk cannot read')) throw outcome.error
    }
    if (outcome.kind === 'failed' && outcome.error.code === 'sequence-trimmed' && from >= handle.start.sequence) {
      throw new ModelViolation(`read(${from}) failed as trimmed, the log starts at ${handle.start.sequence}`)
    }
    if (outcome.kind !== 'done') return outcome
    // Appends that completed meanwhile may be in it.
    if (handle.end.sequence > end) log.model.checkBounds(handle.start, handle.end, handle.lastEnqueuedTimeMs)
    if (outcome.value.length > 0 || end > from) {
      log.model.checkRead(from, maxBytes, outcome.value, Math.max(end, handle.end.sequence))
    }
    return outcome
  }

  /** Reads the whole log and checks its bounds. */
  async verify(log: WorldLog): Promise<Outcome<void>> {
    const handle = log.handle!
    log.model.checkBounds(handle.start, handle.end, handle.lastEnqueuedTimeMs)
    for (let next = handle.start.sequence; next < handle.end.sequence; ) {
      const outcome = await this.read(log, next, 4000)
      if (outcome.kind === 'failed' && outcome.error.code === 'storage-corrupt') {
        const at = next
        const hole = handle.statistics().damaged.find((range) => range.from <= at && at < range.to)
        if (hole === undefined) throw new ModelViolation(`${at} is damaged and not declared`, { cause: outcome.error })
        next = hole.to
        continue
      }
      if (outcome.kind !== 'done') return outcome
      const last = outcome.value.at(-1)!
      next = last.baseSequence + last.count
    }
    return { kind: 'done', value: undefined }
  }

  async trim(log: WorldLog, sequence: number): Promise<Outcome<void>> {
    const handle = log.handle!
    log.model.trimInvoked(sequence)
    const end = handle.end.sequence
    const outcome = await this.attempt(handle.trimBefore(sequence))
    if (outcome.kind === 'done') log.model.trimCompleted(sequence, end)
    if (outcome.kind === 'failed') log.isFailed = true
    return outcome
  }

  /** Begins to take the events below a level; the model is told when it is done. One at a time a log. */
  compact(log: WorldLog, level: number, before: number, closesFirst: boolean): Promise<void> {
    const handle = log.handle!
    const { model } = log
    const generation = this.#generation
    const isPast = () => generation !== this.#generation || this.disk.isStopped || log.model !== model
    const run = async () => {
      if (closesFirst) await handle.closeSegment()
      if (isPast()) return
      const covered = Math.min(before, handle.closedEnd)
      model.compactInvoked(level)
      const keep = keepAbove(level, (sequence) => model.batchAt(sequence))
      const report = await handle.compact(keep, { before, signal: never })
      if (isPast()) return
      this.disk.trace(3, report.eventsRemoved)
      this.compactions++
      this.eventsCompacted += report.eventsRemoved
      if (report.segmentsSkipped === 0) model.compactCompleted(level, covered)
      else if (!this.mayFail && !log.isDoubtful) throw new ModelViolation('compaction met damage where there is none')
    }
    log.isCompacting = true
    return run()
      .catch((error: unknown) => {
        if (isPast()) return
        this.#guard(() => {
          if (!isEhubError(error)) throw error
          const isFine = error.code === 'storage-closed' || (this.mayFail && faultCodes.includes(error.code))
          if (!isFine) throw new ModelViolation(`compaction failed: ${error.message}`)
        })
      })
      .finally(() => {
        if (generation === this.#generation) log.isCompacting = false
      })
  }

  async deleteGroup(group: string): Promise<Outcome<void>> {
    const logs = [...this.logs.values()].filter((log) => log.id.group === group)
    for (const log of logs) {
      log.isDeleting = true
      log.handle = null
    }
    const outcome = await this.attempt(this.engine!.deleteGroup(group))
    if (outcome.kind === 'done') {
      for (const log of logs) this.#forget(log)
    }
    return outcome
  }

  #forget(log: WorldLog): void {
    log.model = new LogModel(log.id, log.config.durability)
    log.isDeleting = false
  }

  #guard(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.#violation ??= error instanceof Error ? error : new Error(String(error))
    }
  }

  #check(): void {
    if (this.#violation !== null) throw this.#violation
  }
}

export { ModelViolation, StuckError }

const never = new AbortController().signal
const changes: readonly OperationKind[] = ['write', 'sync', 'preallocate', 'truncate']
const isChange = (kind: OperationKind) => changes.includes(kind)
