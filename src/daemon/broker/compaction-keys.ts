// Which events of a partition compaction keeps: of each key the newest, delete markers until their retention is over, and everything
// without a key. Knows nothing of files: it is asked batch by batch.
//
// A delete marker may go only when nothing older of its key can come back, and when whoever began to read before it was met has had the
// tombstone retention to come to it. So the first compaction that meets it writes down when that was, and a later one takes it.

import { isEhubError } from '../../base/error.ts'
import type { Batch, Encoding, KeepFunction } from '../storage/storage-engine.ts'
import { offsetEnd, offsetOfIndex, sequenceOfIndex } from '../storage/survivors.ts'
import type { LatestMap } from './latest-map.ts'

/** Reads the keys of a payload in one encoding; the position is the current event's. `wire/amqp/event-keys.ts` is one. */
export interface KeyReader {
  readonly keyStart: number
  readonly keyEnd: number
  readonly isTombstone: boolean
  readonly sectionStart: number
  readonly sectionEnd: number
  readonly sharedBytes: number
  open(payload: Buffer): void
  next(): boolean
}

/** By encoding; batches of others are kept whole. */
export type KeyReaders = Partial<Record<Encoding, KeyReader>>

// Beyond so many producers every stamp is kept.
const producersMax = 100_000

/** The newest batch of each idempotent producer, whose stamp stays when its events go. */
export class NewestStamps {
  readonly #newest = new Map<bigint, number>()
  #isFull = false

  note({ producer, baseSequence }: Batch): void {
    if (producer === null || this.#isFull) return
    this.#newest.set(producer.producerId, baseSequence)
    this.#isFull = this.#newest.size >= producersMax
  }

  isNewest({ producer, baseSequence }: Batch): boolean {
    if (producer === null) return false
    return this.#isFull || (this.#newest.get(producer.producerId) ?? baseSequence) <= baseSequence
  }
}

/** Notes the keyed events of a batch; false, and nothing is noted, when they do not all fit. */
export function noteKeys(batch: Batch, readers: KeyReaders, map: LatestMap): boolean {
  if (!map.hasRoomFor(batch.count)) return false
  const reader = readers[batch.encoding]
  if (reader === undefined) return true
  try {
    reader.open(batch.payload)
    for (let index = 0; reader.next(); index++) {
      if (reader.keyStart >= 0) map.put(batch.payload, reader.keyStart, reader.keyEnd, sequenceOfIndex(batch, index))
    }
  } catch (error) {
    // What cannot be read has no key; it is kept below.
    if (!isEhubError(error, 'decode-error')) throw error
  }
  return true
}

export interface KeepInput {
  readonly readers: KeyReaders
  readonly map: LatestMap
  readonly stamps: NewestStamps
  /** Events at or beyond it are not touched. */
  readonly end: number
  /** Unix milliseconds, the same for the whole run. */
  readonly nowMs: number
  readonly tombstoneRetentionMs: number
}

export class KeyKeeper {
  readonly #input: KeepInput
  /** When the oldest delete marker that was kept had been met; null: none was kept. */
  oldestTombstoneMs: number | null = null
  /** Something older than a delete marker could not be looked at: it may still have the key. */
  #mayDropTombstones = true
  readonly #kept: number[] = []
  readonly #starts: number[] = []
  readonly #ends: number[] = []

  constructor(input: KeepInput) {
    this.#input = input
  }

  /** From now on delete markers stay. */
  skipped(): void {
    this.#mayDropTombstones = false
  }

  readonly keep: KeepFunction = (batch) => {
    if (batch.baseSequence >= this.#input.end) return batch
    const reader = this.#input.readers[batch.encoding]
    if (reader === undefined || batch.survivors?.count === 0) return this.#stamped(batch)
    try {
      return this.#keepOf(batch, reader)
    } catch (error) {
      // An event that cannot be read is nobody's to remove.
      if (!isEhubError(error, 'decode-error')) throw error
      return batch
    }
  }

  #keepOf(batch: Batch, reader: KeyReader): Batch | null {
    const cleanedAtMs = batch.survivors?.cleanedAtMs ?? null
    const kept = this.#kept
    const starts = this.#starts
    const ends = this.#ends
    kept.length = 0
    starts.length = 0
    ends.length = 0
    let hasTombstones = false
    let events = 0
    reader.open(batch.payload)
    for (; reader.next(); events++) {
      const sequence = sequenceOfIndex(batch, events)
      if (!this.#isKept(batch.payload, reader, sequence, cleanedAtMs)) continue
      if (reader.isTombstone) hasTombstones = true
      kept.push(events)
      starts.push(reader.sectionStart)
      ends.push(reader.sectionEnd)
    }
    const metAtMs = hasTombstones ? (cleanedAtMs ?? this.#input.nowMs) : null
    if (metAtMs !== null) this.oldestTombstoneMs = Math.min(this.oldestTombstoneMs ?? Infinity, metAtMs)
    if (kept.length === events && metAtMs === cleanedAtMs) return batch
    if (kept.length === 0) return this.#stamped({ ...batch, ...nothingOf(batch) })
    const pieces = starts.map((start, index) => batch.payload.subarray(start, ends[index]))
    if (reader.sharedBytes > 0) pieces.unshift(batch.payload.subarray(0, reader.sharedBytes))
    const listed = {
      sequences: Uint32Array.from(kept, (index) => sequenceOfIndex(batch, index) - batch.baseSequence),
      offsets: Uint32Array.from(kept, (index, at) => offsetOfIndex(batch, index, starts[at] ?? 0) - batch.baseOffset),
    }
    const offsetSpan = offsetEnd(batch) - batch.baseOffset
    const survivors = { count: kept.length, listed, offsetSpan, cleanedAtMs: metAtMs }
    return { ...batch, payload: Buffer.concat(pieces), survivors }
  }

  #isKept(payload: Buffer, reader: KeyReader, sequence: number, cleanedAtMs: number | null): boolean {
    const { map, end, nowMs, tombstoneRetentionMs } = this.#input
    if (reader.keyStart < 0 || sequence >= end) return true
    if (map.get(payload, reader.keyStart, reader.keyEnd) > sequence) return false
    const isOver = reader.isTombstone && cleanedAtMs !== null && nowMs >= cleanedAtMs + tombstoneRetentionMs
    return !isOver || !this.#mayDropTombstones
  }

  /** A batch without events stays for the newest stamp of its producer. */
  #stamped(batch: Batch): Batch | null {
    const isEmpty = batch.survivors?.count === 0
    return !isEmpty || this.#input.stamps.isNewest(batch) ? batch : null
  }
}

function nothingOf(batch: Batch): Pick<Batch, 'payload'> & { readonly survivors: NonNullable<Batch['survivors']> } {
  const offsetSpan = offsetEnd(batch) - batch.baseOffset
  return { payload: Buffer.alloc(0), survivors: { count: 0, listed: null, offsetSpan, cleanedAtMs: null } }
}
