// Brings into the segments of one log what the journal holds of it, after a crash. Every envelope goes exactly where it
// was meant to go, so doing it twice, or after the segment had it already, changes nothing.

import type { Clock } from '../../base/clock.ts'
import { behindCompacted, lastCompactedOf } from './compact-opening.ts'
import type { DirectorySyncs } from './directory-syncs.ts'
import { type Disk, DiskError, type DiskFile } from './disk.ts'
import {
  decodeEnvelopeHeader,
  decodeSegmentHeader,
  encodeSegmentHeader,
  type EnvelopeHeader,
  envelopeHeaderBytes,
  headerBytes,
  logIdentity,
  type SegmentHeader,
} from './format.ts'
import type { LogState } from './journal-format.ts'
import type { Damage } from './log-reader.ts'
import { logFolder, logKey, numberOfName, segmentPath } from './paths.ts'
import { syncPool } from './segment-pool.ts'
import { SegmentWalker } from './segment-walker.ts'
import type { LogId, Position } from './storage-engine.ts'

interface Entry {
  readonly header: EnvelopeHeader
  readonly envelope: Buffer
  readonly segmentBase: number
  readonly position: number
}

interface OpenSegment {
  readonly file: DiskFile
  readonly generation: number
  readonly baseSequence: number
  /** Added to the position the journal names: not 0 when the segment it meant is lost. */
  readonly shift: number
}

export interface LogRepairParts {
  readonly disk: Disk
  readonly folders: DirectorySyncs
  readonly clock: Clock
}

// Segments of one log may be many where they are small.
const openSegmentsMax = 4

export class LogRepair {
  readonly id: LogId
  readonly #parts: LogRepairParts
  readonly #disk: Disk
  readonly #now: number
  readonly #start: Position
  readonly #headers = new Map<number, SegmentHeader>()
  /** By the base sequence the journal names; open during one `write`. */
  readonly #segments = new Map<number, OpenSegment>()
  /** Where what was meant for a lost segment goes. */
  readonly #moved = new Map<number, { readonly baseSequence: number; readonly shift: number }>()
  readonly damaged: Damage[] = []
  #state: LogState
  #entries: Entry[] = []
  #hasFolder = false
  /** Base sequences of the segments written to, and the first sequence written. */
  readonly #touched = new Set<number>()
  #firstWritten = Infinity
  /** Where the newest segment that compaction made ends; negative before it was looked for. */
  #compactedEnd = -1
  pendingBytes = 0

  /** @param state The log's last known state; its synced part needs no repair. */
  constructor(state: LogState, parts: LogRepairParts) {
    this.id = state.id
    this.#state = state
    this.#start = state.start
    this.#parts = parts
    this.#disk = parts.disk
    this.#now = parts.clock.now()
  }

  addHeader(header: SegmentHeader): void {
    this.#headers.set(header.baseSequence, header)
  }

  /** @param envelope With its padding; owned by the repair until the next `write`. */
  addEnvelope(segmentBase: number, position: number, envelope: Buffer): void {
    const header = decodeEnvelopeHeader(envelope, 0)
    if (header === null || header.logIdentity !== logIdentity(this.id)) {
      this.damaged.push({ from: 0, to: 0, detail: `a journal row of ${logKey(this.id)} holds no envelope of it` })
      return
    }
    if (header.baseSequence + header.count <= this.#state.end.sequence) return
    this.#entries.push({ header, envelope, segmentBase, position })
    this.pendingBytes += envelope.length
  }

  /** Writes what was added and makes it durable. No file stays open: there may be thousands of logs. @throws DiskError */
  async write(): Promise<void> {
    const entries = this.#entries
    this.#entries = []
    this.pendingBytes = 0
    if (entries.length === 0) return
    await this.#makeFolder()
    await this.#passCompacted()
    try {
      await this.#writeRuns(entries.filter(({ header }) => header.baseSequence >= this.#compactedEnd))
      await this.#syncOpen()
    } finally {
      await this.#closeOpen()
    }
  }

  async #syncOpen(): Promise<void> {
    for (const { file } of this.#segments.values()) await file.sync()
    // Also for files that were there: the process before may have made them without getting this far.
    if (this.#segments.size === 0) return
    await this.#disk.syncDirectory(logFolder(this.id))
    await syncPool(this.#parts.folders)
  }

  async #closeOpen(): Promise<void> {
    for (const { file } of this.#segments.values()) await file.close()
    this.#segments.clear()
  }

  async #writeRuns(entries: readonly Entry[]): Promise<void> {
    let run: Entry[] = []
    for (const entry of entries) {
      const last = run.at(-1)
      const continues =
        last !== undefined &&
        entry.segmentBase === last.segmentBase &&
        entry.position === last.position + last.envelope.length &&
        entry.header.generation === last.header.generation &&
        entry.header.baseSequence === last.header.baseSequence + last.header.count
      if (!continues) {
        await this.#writeRun(run)
        run = []
      }
      run.push(entry)
    }
    await this.#writeRun(run)
  }

  /** What compaction has rewritten must not be written again as it was. */
  async #passCompacted(): Promise<void> {
    if (this.#compactedEnd >= 0) return
    const compacted = await lastCompactedOf(this.id, this.#disk)
    this.#compactedEnd = compacted?.endSequence ?? 0
    if (compacted !== null) this.#state = behindCompacted(this.#state, compacted)
  }

  /** Writes what is left; resolves to the log's state then. @throws DiskError */
  async finish(): Promise<LogState> {
    await this.write()
    if (this.#touched.size > 0) await this.#removeStrays()
    return this.#state
  }

  /**
   * A segment that begins among what was written and holds none of it: somebody was about to go on there after a failed
   * file and did not get far enough. The journal has it all, and its word is where it was put now.
   */
  async #removeStrays(): Promise<void> {
    let count = 0
    for (const { name } of await this.#disk.list(logFolder(this.id))) {
      const base = numberOfName(name, 'log')
      if (base === null || base < this.#firstWritten || this.#touched.has(base)) continue
      if (base >= this.#state.end.sequence) continue
      await this.#disk.remove(`${logFolder(this.id)}/${name}`)
      count += 1
    }
    if (count > 0) await this.#disk.syncDirectory(logFolder(this.id))
  }

  async #writeRun(run: readonly Entry[]): Promise<void> {
    const first = run[0]
    const last = run.at(-1)
    if (first === undefined || last === undefined) return
    const { header } = last
    const end = {
      sequence: header.baseSequence + header.count,
      offset: header.baseOffset + header.lengthBytes - envelopeHeaderBytes,
    }
    const lastTimeMs = header.enqueuedTimeMs
    if (end.sequence <= this.#start.sequence) {
      // Trimmed away meanwhile: only where the log goes on matters.
      this.#state = { ...this.#state, end, lastTimeMs, segmentBase: null, segmentGeneration: 0, position: 0 }
      return
    }
    const segment = await this.#segmentFor(first)
    const position = first.position + segment.shift
    if (first.header.baseSequence > Math.max(this.#state.end.sequence, this.#start.sequence)) {
      await this.#bridge(segment, first, position)
    }
    this.#touched.add(segment.baseSequence)
    this.#firstWritten = Math.min(this.#firstWritten, first.header.baseSequence)
    await segment.file.write(
      run.map(({ envelope }) => envelope),
      position,
    )
    this.#state = {
      ...this.#state,
      end,
      lastTimeMs,
      segmentBase: segment.baseSequence,
      segmentGeneration: segment.generation,
      position: last.position + segment.shift + last.envelope.length,
    }
  }

  /** The journal lost a group. Perhaps the segment has what was in it; otherwise the range is damaged. */
  async #bridge(segment: OpenSegment, entry: Entry, position: number): Promise<void> {
    let { sequence } = this.#state.end
    const from = this.#state.segmentBase === segment.baseSequence ? this.#state.position : headerBytes
    const isContinuous = this.#state.segmentBase === segment.baseSequence || segment.baseSequence === sequence
    if (isContinuous && from < position) {
      const walker = new SegmentWalker(segment.file, {
        generation: segment.generation,
        logIdentity: logIdentity(this.id),
        position: from,
        sequence,
        offset: this.#state.end.offset,
        endPosition: position,
        searchBytesMax: 0,
        toleratesReadErrors: false,
        windowBytes: 1024 * 1024,
      })
      while ((await walker.next())?.kind === 'batch') sequence = walker.sequence
    }
    const to = entry.header.baseSequence
    if (sequence < to) {
      this.damaged.push({ from: sequence, to, detail: `lost with a damaged group of the commit journal` })
    }
  }

  async #segmentFor(entry: Entry): Promise<OpenSegment> {
    const open = this.#segments.get(entry.segmentBase)
    if (open !== undefined && open.generation === entry.header.generation) return open
    if (open !== undefined) {
      await open.file.sync()
      await open.file.close()
      this.#segments.delete(entry.segmentBase)
    }
    if (this.#segments.size >= openSegmentsMax) {
      await this.#syncOpen()
      await this.#closeOpen()
    }
    const segment = (await this.#openExisting(entry)) ?? (await this.#makeSegment(entry))
    this.#segments.set(entry.segmentBase, segment)
    return segment
  }

  async #openExisting(entry: Entry): Promise<OpenSegment | null> {
    const { generation } = entry.header
    const { baseSequence, shift } = this.#moved.get(entry.segmentBase) ?? { baseSequence: entry.segmentBase, shift: 0 }
    let file
    try {
      file = await this.#disk.open(segmentPath(this.id, baseSequence), 'write')
    } catch (error) {
      if (error instanceof DiskError && error.systemCode === 'ENOENT') return null
      throw error
    }
    const bytes = Buffer.alloc(headerBytes)
    const present = decodeSegmentHeader(bytes.subarray(0, await file.read(bytes, 0)))
    // The name may be durable without the header, or another attempt at the same place have left its own. An intact one is
    // written again, too: after a failed sync the page cache shows what the disk never got.
    const known = this.#headers.get(entry.segmentBase)
    const other = known?.generation === generation ? known : this.#derivedHeader(entry, baseSequence)
    await file.write([encodeSegmentHeader(present?.generation === generation ? present : other)], 0)
    return { file, generation, baseSequence, shift }
  }

  async #makeSegment(entry: Entry): Promise<OpenSegment> {
    const { generation, baseSequence } = entry.header
    const known = this.#headers.get(entry.segmentBase)
    const isWhole = known?.generation === generation || entry.position === headerBytes
    // Otherwise the segment's beginning is lost with its file: what the journal has goes into a segment of its own.
    const base = isWhole ? entry.segmentBase : baseSequence
    const shift = isWhole ? 0 : headerBytes - entry.position
    const header = known?.generation === generation ? known : this.#derivedHeader(entry, base)
    const file = await this.#disk.open(segmentPath(this.id, base), 'create')
    await file.write([encodeSegmentHeader(header)], 0)
    this.#moved.set(entry.segmentBase, { baseSequence: base, shift })
    return { file, generation, baseSequence: base, shift }
  }

  #derivedHeader(entry: Entry, baseSequence: number): SegmentHeader {
    const { segmentBase, position, end, lastTimeMs } = this.#state
    return {
      generation: entry.header.generation,
      id: this.id,
      baseSequence,
      baseOffset: entry.position === headerBytes || baseSequence !== entry.segmentBase ? entry.header.baseOffset : 0,
      createdAtMs: this.#now,
      previousTimeMs: baseSequence === 0 ? null : lastTimeMs,
      previous:
        segmentBase === null || segmentBase === baseSequence
          ? null
          : { baseSequence: segmentBase, endPosition: position, endSequence: end.sequence },
      durableEnd: 0,
    }
  }

  /** The folder of a log that the journal knows is durable; if it is missing, somebody removed it. */
  async #makeFolder(): Promise<void> {
    if (this.#hasFolder) return
    this.#hasFolder = true
    await this.#parts.folders.make(logFolder(this.id))
  }
}
