// Puts one group of the commit journal together: rows into a head that is used again for every group, bodies as pieces of
// the memory they lie in.

import { envelopeHeaderBytes } from './format.ts'
import type { JournalRecord } from './journal-files.ts'
import { type GroupHeader, groupHeaderBytes, groupRowBytes, sealGroupHead, writeGroupRow } from './journal-format.ts'
import { Pieces } from './pieces.ts'

/** An envelope in memory and its place in a segment. */
export interface PlacedEnvelope {
  /** Where it lies in the memory, its checksum first. */
  readonly at: number
  /** Whole, with its padding. */
  readonly bytes: number
  readonly payloadBytes: number
  readonly position: number
}

const rowsAtFirst = 64

export class GroupBuilder {
  #head = Buffer.allocUnsafeSlow(groupHeaderBytes + rowsAtFirst * groupRowBytes)
  #rowCount = 0
  #bodyBytes = 0
  readonly #bodies = new Pieces()

  /** Adds an envelope of the segment that begins with `segmentBase`. */
  addEnvelope(logNumber: number, segmentBase: number, memory: Buffer, envelope: PlacedEnvelope): void {
    const { at, bytes, payloadBytes, position } = envelope
    const lengthBytes = envelopeHeaderBytes + payloadBytes
    const row = this.#nextRow()
    writeGroupRow(this.#head, row, 'envelope', logNumber, lengthBytes, memory.readUInt32LE(at), segmentBase, position)
    this.#bodyBytes += bytes
    this.#bodies.add(memory, at, bytes)
  }

  add({ row, body }: JournalRecord): void {
    const { kind, logNumber, lengthBytes, bodyCrc, segmentBase, position } = row
    // First: it may move the head.
    const at = this.#nextRow()
    writeGroupRow(this.#head, at, kind, logNumber, lengthBytes, bodyCrc, segmentBase, position)
    this.#bodyBytes += body.length
    this.#bodies.add(body, 0, body.length)
  }

  /** The group in pieces, valid until something is added to the next one. The builder is empty again. */
  finish(header: Omit<GroupHeader, 'rowCount' | 'totalBytes'>): { chunks: Uint8Array[]; bytes: number } {
    const headBytes = groupHeaderBytes + this.#rowCount * groupRowBytes
    const bytes = headBytes + this.#bodyBytes
    sealGroupHead(this.#head, { ...header, totalBytes: bytes }, this.#rowCount)
    this.#rowCount = 0
    this.#bodyBytes = 0
    return { chunks: [this.#head.subarray(0, headBytes), ...this.#bodies.take()], bytes }
  }

  #nextRow(): number {
    const at = groupHeaderBytes + this.#rowCount * groupRowBytes
    if (at + groupRowBytes > this.#head.length) {
      const larger = Buffer.allocUnsafeSlow(2 * this.#head.length)
      this.#head.copy(larger, 0, 0, at)
      this.#head = larger
    }
    this.#rowCount += 1
    return at
  }
}
