// The one way to change the broker's state durably (design: "commands return records, apply changes state").
//
//     run(command) -> queue -> [ evaluate all waiting, in order -> one append to `$state` -> apply -> answer ] -> …
//
// Serial: one append is in flight, what comes meanwhile waits and shares the next one, so tens of thousands of checkpoints a
// second cost a few hundred commits. Two states are kept: `state` holds only what is durable and is what everybody may read;
// a second one runs ahead by the group being written, so that a command sees the ones before it. When an append fails, its
// commands are refused and the second state is made anew from the first.
//
// `$state` stays small: when more than a bound was appended since the last snapshot, the whole state is appended as one
// snapshot (all or nothing) and everything before it is trimmed.

import { assert } from '../../base/assert.ts'
import type { Clock } from '../../base/clock.ts'
import { EhubError } from '../../base/error.ts'
import type { Log } from '../../base/log.ts'
import type { Batch, LogId, PartitionLog, StorageEngine } from '../storage/storage-engine.ts'
import { apply } from './apply.ts'
import type { Command } from './commands.ts'
import { shuttingDown } from './error-texts.ts'
import { snapshotRecords } from './snapshot.ts'
import { type BrokerState, emptyState } from './state.ts'
import { decodeStateRecords, encodeStateRecord, type StateRecord } from './state-records.ts'

export const stateLogId: LogId = { group: '$state', partition: 0 }

/** Segments of `$state` are small, so that trimming after a snapshot gives back the space. */
const segmentBytes = 4 * 1024 * 1024
const batchBytesMax = 256 * 1024
const readBytesMax = 1024 * 1024
/** Commands in one append: bounds how long one group takes to evaluate. */
const groupCommandsMax = 5000
/** Commands waiting: at a few hundred bytes each this stays below the memory of one connection's buffers. */
const queueMax = 50_000

export interface StateJournalOptions {
  /** Bytes appended since the last snapshot before the next one, at least; also at least twice the snapshot's own size. */
  readonly snapshotEveryBytes?: number
}

interface Waiting {
  readonly command: Command<unknown>
  readonly resolve: (reply: unknown) => void
  readonly reject: (error: unknown) => void
}

type Outcome = { readonly reply: unknown } | { readonly error: unknown }

export class StateJournal {
  readonly #log: PartitionLog
  readonly #clock: Clock
  readonly #lines: Log
  readonly #snapshotEveryBytes: number
  readonly #durable = emptyState()
  #ahead = emptyState()
  #queue: Waiting[] = []
  #work: Promise<void> | null = null
  #trim: Promise<void> = Promise.resolve()
  #nextSequence: number
  #nextOffset: number
  #lastTimeMs: number
  #bytesSinceSnapshot = 0
  #snapshotBytes = 0
  #isClosed = false

  private constructor(log: PartitionLog, clock: Clock, lines: Log, options: StateJournalOptions) {
    this.#log = log
    this.#clock = clock
    this.#lines = lines
    this.#snapshotEveryBytes = options.snapshotEveryBytes ?? 4 * 1024 * 1024
    this.#nextSequence = log.end.sequence
    this.#nextOffset = log.end.offset
    this.#lastTimeMs = log.lastEnqueuedTimeMs ?? 0
  }

  /**
   * Opens `$state` and replays it.
   * @throws EhubError `storage-corrupt`, `data-folder-newer`, storage's own.
   */
  static async open(
    engine: StorageEngine,
    clock: Clock,
    lines: Log,
    options: StateJournalOptions = {},
  ): Promise<StateJournal> {
    const log = await engine.openLog(stateLogId, { durability: 'sync', segmentBytes })
    const journal = new StateJournal(log, clock, lines, options)
    await journal.#replay()
    return journal
  }

  /** What is durable. Read it, never keep parts of it across a wait, never change it. */
  get state(): BrokerState {
    return this.#durable
  }

  /** Unix milliseconds of the newest record, 0 when there is none. */
  get lastTimeMs(): number {
    return this.#lastTimeMs
  }

  /**
   * Evaluates the command after all commands before it; resolves with its reply once its records are durable and applied.
   * A refusal comes as late as the answer would have, since it may rest on what is only being written.
   * @throws EhubError whatever the command throws, `server-busy`, `shutting-down`, storage's errors.
   */
  run<Reply>(command: Command<Reply>): Promise<Reply> {
    if (this.#isClosed) return Promise.reject(shuttingDown())
    if (this.#queue.length >= queueMax) {
      const message = `${this.#queue.length} changes are waiting for the state log`
      return Promise.reject(new EhubError('server-busy', message, { retryAfterMs: 1000 }))
    }
    return new Promise<Reply>((resolve, reject) => {
      // The queue holds commands of every kind of reply; each `resolve` gets the reply of its own command.
      this.#queue.push({ command, resolve: resolve as (reply: unknown) => void, reject })
      // Begins after this turn, so that everything the turn asks for shares one append.
      this.#work ??= Promise.resolve().then(() => this.#workOff())
    })
  }

  /** Waits for what was asked so far, refuses the rest, closes the log. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#work
    await this.#trim
    await this.#log.close()
  }

  async #workOff(): Promise<void> {
    while (this.#queue.length > 0) {
      await this.#runGroup(this.#queue.splice(0, groupCommandsMax))
      if (this.#bytesSinceSnapshot >= Math.max(this.#snapshotEveryBytes, 2 * this.#snapshotBytes))
        await this.#snapshot()
    }
    this.#work = null
  }

  async #runGroup(group: readonly Waiting[]): Promise<void> {
    const nowMs = this.#clock.now()
    const records: StateRecord[] = []
    const outcomes = group.map(({ command }): Outcome => {
      try {
        const result = command(this.#ahead, nowMs)
        for (const record of result.records) {
          apply(this.#ahead, record)
          records.push(record)
        }
        return { reply: result.reply }
      } catch (error) {
        return { error }
      }
    })
    try {
      await this.#append(records)
    } catch (error) {
      this.#ahead = copyOf(this.#durable)
      for (const { reject } of group) reject(error)
      return
    }
    for (const record of records) apply(this.#durable, record)
    for (const [index, { resolve, reject }] of group.entries()) {
      const outcome = outcomes[index]
      assert(outcome !== undefined, 'every command of a group has an outcome')
      if ('error' in outcome) reject(outcome.error)
      else resolve(outcome.reply)
    }
  }

  async #append(records: Iterable<StateRecord>): Promise<number> {
    const batches = this.#batchesOf(records)
    if (batches.length === 0) return 0
    let bytes = 0
    for (const batch of batches) bytes += batch.payload.length
    try {
      await this.#log.append(batches)
    } finally {
      // After a failure the log says where it really ends.
      this.#nextSequence = this.#log.end.sequence
      this.#nextOffset = this.#log.end.offset
    }
    this.#bytesSinceSnapshot += bytes
    return bytes
  }

  #batchesOf(records: Iterable<StateRecord>): Batch[] {
    this.#lastTimeMs = Math.max(this.#lastTimeMs, this.#clock.now())
    const batches: Batch[] = []
    let parts: Buffer[] = []
    let bytes = 0
    const cut = () => {
      if (parts.length === 0) return
      batches.push({
        baseSequence: this.#nextSequence,
        baseOffset: this.#nextOffset,
        count: parts.length,
        enqueuedTimeMs: this.#lastTimeMs,
        encoding: 'state',
        payload: Buffer.concat(parts, bytes),
        producer: null,
      })
      this.#nextSequence += parts.length
      this.#nextOffset += bytes
      parts = []
      bytes = 0
    }
    for (const record of records) {
      const encoded = encodeStateRecord(record)
      if (bytes + encoded.length > batchBytesMax) cut()
      parts.push(encoded)
      bytes += encoded.length
    }
    cut()
    return batches
  }

  async #snapshot(): Promise<void> {
    const baseSequence = this.#log.end.sequence
    try {
      this.#snapshotBytes = await this.#append(snapshotRecords(this.#durable))
    } catch (error) {
      // Nothing is lost by it: the records are all there. The next group will meet the same trouble and say so.
      this.#lines.warn('the state log could not be shortened', { error })
      return
    }
    this.#bytesSinceSnapshot = 0
    // Commands need not wait for the files to go; one trim at a time.
    this.#trim = this.#trim
      .then(() => this.#log.trimBefore(baseSequence))
      .catch((error: unknown) => this.#lines.warn('the state log could not be trimmed', { error }))
  }

  async #replay(): Promise<void> {
    const { start, end } = this.#log
    let sequence = start.sequence
    let isFirst = sequence > 0
    while (sequence < end.sequence) {
      const batches = await this.#log.read(sequence, readBytesMax)
      assert(batches.length > 0, 'a log gives at least one batch before its end')
      for (const batch of batches) {
        if (batch.encoding !== 'state') {
          throw new EhubError('storage-corrupt', `the state log holds a batch of encoding "${batch.encoding}"`)
        }
        const records = decodeStateRecords(batch.payload, batch.count)
        if (isFirst && records[0]?.kind !== 'snapshot-begun') {
          throw new EhubError('storage-corrupt', `the state log begins at ${batch.baseSequence} without a snapshot`)
        }
        isFirst = false
        for (const record of records) apply(this.#durable, record)
        sequence = batch.baseSequence + batch.count
        this.#bytesSinceSnapshot += batch.payload.length
      }
    }
    this.#ahead = copyOf(this.#durable)
  }
}

function copyOf(state: BrokerState): BrokerState {
  const copy = emptyState()
  for (const record of snapshotRecords(state)) apply(copy, record)
  return copy
}
