// One append on its way: encoded into slabs, placed in a segment, waiting to be durable and to be written.

import { assert } from '../../base/assert.ts'
import { EhubError } from '../../base/error.ts'
import type { JournalClient, JournalItem } from './journal-client.ts'
import {
  batchOf,
  decodeEnvelopeHeader,
  encodeEnvelope,
  envelopeBytes,
  envelopeHeaderBytes,
  payloadBytesMax,
} from './format.ts'
import type { GroupBuilder } from './group-builder.ts'
import type { JournalRecord } from './journal-files.ts'
import { logKey } from './paths.ts'
import type { Segment } from './segment.ts'
import type { Slab, Slabs, SlabUser } from './slabs.ts'
import type { Batch, LogId, Position } from './storage-engine.ts'

/**
 * A batch encoded in a slab. Tens of thousands of these are alive at a time, until they are in their segments and beyond that
 * in the tail: one object of small numbers each, and what else is wanted to know of the batch is read from its envelope.
 */
export interface StagedBatch {
  readonly slab: Slab
  /** Where the envelope lies in it. */
  readonly at: number
  /** The whole envelope with its padding. */
  readonly bytes: number
  readonly position: number
  readonly baseSequence: number
  readonly payloadBytes: number
  /** The next one of the same append. */
  next: StagedBatch | null
}

/** The log an append goes into. */
export interface AppendOwner {
  readonly client: JournalClient & { readonly logNumber: number }
  /** As `JournalItem.isEssential`. */
  readonly isEssential: boolean
  obstacle(append: StagedAppend): EhubError | null
  committed(append: StagedAppend): void
  failed(append: StagedAppend, error: EhubError): void
}

export class StagedAppend implements JournalItem {
  readonly segment: Segment
  readonly first: StagedBatch
  readonly last: StagedBatch
  readonly bytes: number
  readonly end: Position
  readonly timeMs: number
  /** Of its owner when it was staged. */
  readonly epoch: number
  readonly #owner: AppendOwner
  /** Told of the outcome once, and not kept longer. */
  #resolve: (() => void) | null
  #reject: ((error: Error) => void) | null
  /** Header of its segment, when it is the first in it. */
  #segmentRecord: JournalRecord | null

  constructor(owner: AppendOwner, input: StagedAppendInput) {
    this.#owner = owner
    this.segment = input.segment
    this.first = input.first
    this.last = input.last
    this.bytes = input.bytes
    this.end = input.end
    this.timeMs = input.timeMs
    this.epoch = input.epoch
    this.#resolve = input.resolve
    this.#reject = input.reject
    this.#segmentRecord = input.segmentRecord
  }

  accept(): void {
    const resolve = this.#resolve
    this.#forget()
    resolve?.()
  }

  refuse(error: Error): void {
    const reject = this.#reject
    this.#forget()
    reject?.(error)
  }

  #forget(): void {
    this.#resolve = null
    this.#reject = null
    this.#segmentRecord = null
  }

  // ------------------------------------------------------------ as the journal sees it

  get client(): JournalClient {
    return this.#owner.client
  }

  get isEssential(): boolean {
    return this.#owner.isEssential
  }

  get bodyBytes(): number {
    return this.bytes + (this.#segmentRecord?.body.length ?? 0)
  }

  addTo(group: GroupBuilder): void {
    if (this.#segmentRecord !== null) group.add(this.#segmentRecord)
    const { logNumber } = this.#owner.client
    for (let batch: StagedBatch | null = this.first; batch !== null; batch = batch.next) {
      group.addEnvelope(logNumber, this.segment.baseSequence, batch.slab.bytes, batch)
    }
  }

  obstacle(): EhubError | null {
    return this.#owner.obstacle(this)
  }

  committed(): void {
    this.#owner.committed(this)
  }

  failed(error: EhubError): void {
    this.#owner.failed(this, error)
  }
}

export interface StagedAppendInput {
  readonly segment: Segment
  readonly first: StagedBatch
  readonly last: StagedBatch
  readonly bytes: number
  readonly end: Position
  readonly timeMs: number
  readonly epoch: number
  readonly segmentRecord: JournalRecord | null
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

export interface StagingPlace {
  readonly slabs: Slabs
  readonly user: SlabUser
  readonly segment: Segment
  readonly generation: number
  readonly durableEnd: number
}

/** Bytes all envelopes of an append take, alignment included. */
export function appendBytes(batches: readonly Batch[]): number {
  let bytes = 0
  for (const batch of batches) bytes += envelopeBytes(batch.payload.length)
  return bytes
}

/** What is said of an append with a batch that no log takes, null when it has none. */
export function largerThanFits(batches: readonly Batch[]): EhubError | null {
  const large = batches.find(({ payload }) => payload.length > payloadBytesMax)
  if (large === undefined) return null
  const text = `a batch of ${large.payload.length} bytes exceeds ${payloadBytesMax} of a log`
  return new EhubError('event-too-large', text)
}

/** The batches continue the log where it stands: what does not would be taken for damage by every reader. */
export function checkContinuity(id: LogId, batches: readonly Batch[], next: Position, nextTimeMs: number): void {
  let { sequence, offset } = next
  let timeMs = nextTimeMs
  for (const batch of batches) {
    const isNext = batch.baseSequence === sequence && batch.baseOffset >= offset && batch.enqueuedTimeMs >= timeMs
    // No sentence is made for an assertion that holds.
    if (!isNext) {
      const { baseSequence, baseOffset, enqueuedTimeMs } = batch
      const at = `${sequence}, ${offset}, ${timeMs}`
      assert(false, `batch ${baseSequence}, ${baseOffset}, ${enqueuedTimeMs} continues ${logKey(id)} at ${at}`)
    }
    assert(batch.count >= 1 && batch.survivors === undefined, 'a batch holds the events it stands for')
    sequence += batch.count
    offset = batch.baseOffset + batch.payload.length
    timeMs = batch.enqueuedTimeMs
  }
}

/**
 * Encodes the batches, one at least, into slabs and gives them the next places in the segment. The caller's payloads are copied.
 * @returns First and last of them.
 */
export function stageBatches(
  batches: readonly Batch[],
  place: StagingPlace,
): { first: StagedBatch; last: StagedBatch } {
  const { segment, generation, durableEnd } = place
  const { logIdentity } = segment
  let first: StagedBatch | null = null
  let last: StagedBatch | null = null
  for (const [index, batch] of batches.entries()) {
    const bytes = envelopeBytes(batch.payload.length)
    const { slab, at } = place.slabs.allocate(bytes, place.user)
    const continues = index < batches.length - 1
    encodeEnvelope(slab.bytes.subarray(at, at + bytes), batch, { generation, logIdentity, durableEnd, continues })
    const { baseSequence, payload } = batch
    const position = segment.nextPosition
    const staged = { slab, at, bytes, position, baseSequence, payloadBytes: payload.length, next: null }
    segment.nextPosition += bytes
    if (last !== null) last.next = staged
    first ??= staged
    last = staged
  }
  assert(first !== null && last !== null, 'an append has a batch')
  return { first, last }
}

/** The batch of a staged envelope; its payload is a view of the slab. */
export function stagedBatchOf({ slab, at }: StagedBatch): Batch {
  const header = decodeEnvelopeHeader(slab.bytes, at)
  assert(header !== null, 'an envelope in a slab has a header')
  return batchOf(slab.bytes, at, header)
}

/** Nothing of the append has to wait in memory any more. */
export function settleSlabs(append: StagedAppend, slabs: Slabs): void {
  for (let batch: StagedBatch | null = append.first; batch !== null; batch = batch.next) {
    slabs.settle(batch.slab, batch.bytes)
  }
}

/** A batch as an envelope of no segment, for `reEncode`. */
export function plainEnvelope(batch: Batch): Buffer {
  const envelope = Buffer.alloc(envelopeBytes(batch.payload.length))
  encodeEnvelope(envelope, batch, { generation: 0, logIdentity: 0, durableEnd: 0, continues: false })
  return envelope
}

/** An intact envelope again for another segment: same batch, other generation. */
export function reEncode(envelope: Buffer, generation: number, identity: number, durableEnd: number): Buffer {
  const header = decodeEnvelopeHeader(envelope, 0)
  assert(header !== null, 'an envelope that was verified has a header')
  const copy = Buffer.alloc(envelopeBytes(header.lengthBytes - envelopeHeaderBytes))
  const { continues } = header
  encodeEnvelope(copy, batchOf(envelope, 0, header), { generation, logIdentity: identity, durableEnd, continues })
  return copy
}
