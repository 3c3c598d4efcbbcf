// One append on its way: encoded into slabs, placed in a segment, waiting to be durable and to be written.

import { assert } from '../../base/assert.ts'
import { batchOf, decodeEnvelopeHeader, encodeEnvelope, envelopeBytes, envelopeHeaderBytes } from './format.ts'
import type { JournalRecord } from './journal-files.ts'
import { logKey } from './paths.ts'
import type { Segment } from './segment.ts'
import type { Slab, Slabs, SlabUser } from './slabs.ts'
import type { Batch, LogId, Position } from './storage-engine.ts'

/** A batch whose payload lies in a slab. */
export interface StagedBatch {
  readonly batch: Batch
  readonly slab: Slab
  /** The whole envelope with its padding. */
  readonly envelope: Buffer
  readonly position: number
}

export interface StagedAppend {
  readonly segment: Segment
  readonly batches: readonly StagedBatch[]
  readonly bytes: number
  readonly end: Position
  readonly timeMs: number
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

/** The batches continue the log where it stands: what does not would be taken for damage by every reader. */
export function checkContinuity(id: LogId, batches: readonly Batch[], next: Position, nextTimeMs: number): void {
  let { sequence, offset } = next
  let timeMs = nextTimeMs
  for (const batch of batches) {
    assert(batch.baseSequence === sequence, `batch ${batch.baseSequence} continues ${logKey(id)} at ${sequence}`)
    assert(batch.baseOffset >= offset, `offset ${batch.baseOffset} continues ${logKey(id)} at ${offset}`)
    assert(batch.enqueuedTimeMs >= timeMs, `time ${batch.enqueuedTimeMs} continues ${logKey(id)} at ${timeMs}`)
    assert(batch.count >= 1 && batch.survivors === undefined, 'a batch holds the events it stands for')
    sequence += batch.count
    offset = batch.baseOffset + batch.payload.length
    timeMs = batch.enqueuedTimeMs
  }
}

/** Encodes the batches into slabs and gives them the next places in the segment. The caller's payloads are copied. */
export function stageBatches(batches: readonly Batch[], place: StagingPlace): StagedBatch[] {
  const { segment, generation, durableEnd } = place
  return batches.map((batch, index) => {
    const bytes = envelopeBytes(batch.payload.length)
    const { slab, at } = place.slabs.allocate(bytes, place.user)
    const envelope = slab.bytes.subarray(at, at + bytes)
    const continues = index < batches.length - 1
    encodeEnvelope(envelope, batch, { generation, logIdentity: segment.logIdentity, durableEnd, continues })
    const position = segment.nextPosition
    segment.nextPosition += bytes
    const payload = envelope.subarray(envelopeHeaderBytes, envelopeHeaderBytes + batch.payload.length)
    return { batch: { ...batch, payload }, slab, envelope, position }
  })
}

export function envelopeRecord(
  logNumber: number,
  segmentBase: number,
  position: number,
  envelope: Buffer,
  payloadBytes: number,
): JournalRecord {
  return {
    row: {
      kind: 'envelope',
      logNumber,
      lengthBytes: envelopeHeaderBytes + payloadBytes,
      bodyCrc: envelope.readUInt32LE(0),
      segmentBase,
      position,
    },
    body: envelope,
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
