// Walks over the envelopes of a segment from a known place, verifying every checksum. Used by every read, by recovery and
// by the tools, so that there is one opinion of what is intact.
//
// What is not intact is passed over by searching for the next intact envelope of the same segment: damage costs the
// envelopes it overlaps and no more (promise P7). Whether such a hole is a torn tail or corruption is the caller's to decide.

import { assert } from '../../base/assert.ts'
import { DiskError, type DiskFile } from './disk.ts'
import { align8 } from './bytes.ts'
import {
  batchOf,
  decodeEnvelopeHeader,
  type EnvelopeHeader,
  envelopeHeaderBytes,
  envelopeNeedle,
  headerBytes,
  isEnvelopeIntact,
  needleOffset,
} from './format.ts'
import type { Batch } from './storage-engine.ts'
import { offsetEnd } from './survivors.ts'

export type WalkItem =
  | {
      readonly kind: 'batch'
      readonly batch: Batch
      readonly header: EnvelopeHeader
      readonly position: number
      readonly endPosition: number
    }
  | {
      /** Nothing intact between the two positions; the batch at `toPosition` begins at `toSequence`. */
      readonly kind: 'hole'
      readonly fromSequence: number
      readonly toSequence: number
      readonly position: number
      readonly toPosition: number
      readonly detail: string
    }

export interface WalkStart {
  readonly generation: number
  readonly logIdentity: number
  /** Where the envelope that begins with `sequence` must lie. */
  readonly position: number
  readonly sequence: number
  readonly offset: number
  /** Envelopes end at or before this position. */
  readonly endPosition: number
  /** How far to search behind a damaged place for an intact envelope. */
  readonly searchBytesMax: number
  /**
   * A place the disk cannot read is a hole like any other (the default). Not for recovery: it would cut off what another try can read.
   */
  readonly toleratesReadErrors?: boolean
  /** Bytes read at a time; a longer envelope is read whole. */
  readonly windowBytes: number
  /**
   * Memory to read so many bytes into; a fresh buffer by default, so that the batches handed out stay valid. Asked before each read:
   * whoever gives the same memory again has done with what it held.
   */
  readonly windowFor?: (bytes: number) => Buffer
}

// The unit in which the page cache reads: one bad sector makes one such piece unreadable.
const pieceBytes = 4096

function freshWindow(bytes: number): Buffer {
  return Buffer.allocUnsafeSlow(bytes)
}

export class SegmentWalker {
  readonly #file: DiskFile
  readonly #start: WalkStart
  #position: number
  #sequence: number
  #offset: number
  #window: Buffer = Buffer.alloc(0)
  #windowAt = 0
  #unreadable: string | null = null

  constructor(file: DiskFile, start: WalkStart) {
    assert(start.position >= headerBytes && start.position % 8 === 0, `an envelope may begin at ${start.position}`)
    this.#file = file
    this.#start = start
    this.#position = start.position
    this.#sequence = start.sequence
    this.#offset = start.offset
  }

  /** Where the next envelope must begin, and with which sequence and at least which offset. */
  get position(): number {
    return this.#position
  }

  get sequence(): number {
    return this.#sequence
  }

  get offset(): number {
    return this.#offset
  }

  /**
   * The next batch or hole; null at the end position or when no intact envelope follows within reach. Not a promise when
   * the answer is in the window: a walk meets thousands of envelopes for one read. @throws DiskError (or rejects with it)
   */
  next(): WalkItem | null | Promise<WalkItem | null> {
    const header = this.#headerInWindow(this.#position)
    if (header === undefined) return this.#nextAfterLoad()
    return header !== null && header.baseSequence === this.#sequence ? this.#batch(header) : this.#nextAfterLoad()
  }

  async #nextAfterLoad(): Promise<WalkItem | null> {
    const header = await this.#intactAt(this.#position)
    if (header !== null && header.baseSequence === this.#sequence) return this.#batch(header)
    const from = this.#position
    const found = header === null ? await this.#search() : { at: this.#position, header }
    if (found === null) return null
    const detail = this.#unreadable ?? (header === null ? 'no intact envelope' : 'batches are missing')
    const hole: WalkItem = {
      kind: 'hole',
      fromSequence: this.#sequence,
      toSequence: found.header.baseSequence,
      position: from,
      toPosition: found.at,
      detail: `${detail} in bytes ${from} to ${found.at} of ${this.#file.path}`,
    }
    this.#position = found.at
    this.#sequence = found.header.baseSequence
    this.#offset = found.header.baseOffset
    return hole
  }

  #batch(header: EnvelopeHeader): WalkItem {
    const position = this.#position
    const batch = batchOf(this.#window, position - this.#windowAt, header)
    this.#position = position + align8(header.lengthBytes)
    this.#sequence = header.baseSequence + header.count
    this.#offset = offsetEnd(batch)
    return { kind: 'batch', batch, header, position, endPosition: this.#position }
  }

  /** As `#intactAt` when all that is needed is in the window, undefined when it is not. */
  #headerInWindow(position: number): EnvelopeHeader | null | undefined {
    const windowEnd = this.#windowAt + this.#window.length
    if (position < this.#windowAt || position + envelopeHeaderBytes > windowEnd) return undefined
    const header = decodeEnvelopeHeader(this.#window, position - this.#windowAt)
    if (header === null || header.generation !== this.#start.generation) return null
    if (header.logIdentity !== this.#start.logIdentity) return null
    if (header.baseSequence < this.#sequence || header.baseOffset < this.#offset) return null
    if (position + header.lengthBytes > this.#start.endPosition) return null
    if (position + header.lengthBytes > windowEnd) return undefined
    return isEnvelopeIntact(this.#window, position - this.#windowAt, header) ? header : null
  }

  /** The header of the envelope at `position` when it is whole, of this segment, and does not go back. */
  async #intactAt(position: number): Promise<EnvelopeHeader | null> {
    if (position + envelopeHeaderBytes > this.#start.endPosition) return null
    const present = this.#headerInWindow(position)
    if (present !== undefined) return present
    await this.#load(position, envelopeHeaderBytes)
    const loaded = this.#headerInWindow(position)
    if (loaded !== undefined) return loaded
    const header = decodeEnvelopeHeader(this.#window, position - this.#windowAt)
    if (header === null) return null
    await this.#load(position, header.lengthBytes)
    return this.#headerInWindow(position) ?? null
  }

  async #search(): Promise<{ at: number; header: EnvelopeHeader } | null> {
    const needle = envelopeNeedle(this.#start.generation)
    const end = Math.min(this.#start.endPosition, this.#position + this.#start.searchBytesMax)
    for (let at = this.#position + 8; at + envelopeHeaderBytes <= end; ) {
      await this.#load(at, envelopeHeaderBytes)
      const hit = this.#window.indexOf(needle, at - this.#windowAt + needleOffset)
      if (hit < 0) {
        // The needle may straddle the end of the window.
        const windowEnd = this.#windowAt + this.#window.length
        if (windowEnd >= end) return null
        at = Math.max(at + 8, align8(windowEnd - needle.length - needleOffset))
        continue
      }
      const candidate = this.#windowAt + hit - needleOffset
      if (candidate >= end) return null
      if (candidate % 8 === 0) {
        const header = await this.#intactAt(candidate)
        if (header !== null) return { at: candidate, header }
      }
      at = align8(candidate + 1)
    }
    return null
  }

  /** Makes the window hold `bytes` from `position`, or as many as there are. */
  async #load(position: number, bytes: number): Promise<void> {
    const windowEnd = this.#windowAt + this.#window.length
    if (position >= this.#windowAt && position + bytes <= windowEnd) return
    const { endPosition, windowBytes, windowFor = freshWindow } = this.#start
    const window = windowFor(Math.max(0, Math.min(Math.max(bytes, windowBytes), endPosition - position)))
    this.#window = window.subarray(0, await this.#read(window, position))
    this.#windowAt = position
  }

  async #read(into: Buffer, at: number): Promise<number> {
    try {
      return await this.#file.read(into, at)
    } catch (error) {
      const isTolerable =
        error instanceof DiskError && error.systemCode === 'EIO' && this.#start.toleratesReadErrors !== false
      if (!isTolerable) throw error
      return this.#readPieces(into, at, error)
    }
  }

  /** After a read error: what can be read, with zeros for what cannot, so that only those envelopes fail. */
  async #readPieces(into: Buffer, at: number, cause: DiskError): Promise<number> {
    let failed = 0
    for (let done = 0; done < into.length; ) {
      const piece = into.subarray(done, Math.min(into.length, done + pieceBytes - ((at + done) % pieceBytes)))
      try {
        const count = await this.#file.read(piece, at + done)
        if (count < piece.length) return done + count
      } catch (error) {
        if (!(error instanceof DiskError) || error.systemCode !== 'EIO') throw error
        piece.fill(0)
        failed += 1
        this.#unreadable = `the disk cannot read (${error.message})`
      }
      done += piece.length
    }
    // Not one piece: the file or the disk is gone, which says nothing about what it holds.
    if (failed > 0 && failed * pieceBytes >= into.length) throw cause
    return into.length
  }
}
