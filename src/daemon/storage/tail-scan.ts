// Finds where a log ends when no journal says so: after a crash under durability `os`, or when the journal is lost. Walks
// from a place known to be synced to the last intact envelope, over as many segments as there are.
//
// The one rule: what is not intact is corruption when something says that it had been synced, an envelope or a segment
// header written later (`durableEnd`) or the journal; otherwise it and everything behind it is a torn tail, written and
// never synced, of which a power cut may keep any part. When the journal is lost nothing can say so any more, and nothing
// is taken for torn.

import { claimedEnd } from './claimed-end.ts'
import type { LogFiles } from './log-files.ts'
import { envelopeNeedle, headerBytes, needleOffset } from './format.ts'
import type { Damage } from './log-reader.ts'
import type { LogPlace } from './log-writer.ts'
import type { Segment } from './segment.ts'
import { SegmentWalker } from './segment-walker.ts'
import type { Position } from './storage-engine.ts'

export interface TailScan {
  /** The log's end and where it lies. */
  readonly place: LogPlace
  readonly damaged: readonly Damage[]
  /** What lies behind `place` was written and not synced; segments behind it hold nothing else. */
  readonly isTorn: boolean
  /** All they hold is in a segment made later: the log had gone on in it, and a power cut brought their names back. */
  readonly superseded: readonly Segment[]
}

/** A place where the log may have to be cut. */
interface Cut {
  readonly place: LogPlace
  readonly damage: Damage
}

const windowBytes = 1024 * 1024

export interface TailScanLimits {
  /** Sequences below it are known to have been synced. */
  readonly claimedEnd: number
  /** How far unsynced bytes reach at most. */
  readonly searchBytesMax: number
  /** The journal is not whole: what would have said that something was synced may be lost. */
  readonly isDoubtful: boolean
}

/**
 * @param from Index of the segment to begin in; `place` lies in it, or before it when its `segment` is another.
 * @throws DiskError
 */
export async function scanTail(
  files: LogFiles,
  from: number,
  place: LogPlace,
  limits: TailScanLimits,
): Promise<TailScan> {
  const scan = new Scan(place, limits)
  const found = files.segments.slice(from)
  const superseded: Segment[] = []
  for (const [index, segment] of found.entries()) {
    const header = await files.loadHeader(segment)
    if (scan.isSuperseded(segment)) {
      superseded.push(segment)
      continue
    }
    const next = found[index + 1]
    const nextHeader = next === undefined ? null : await files.loadHeader(next)
    const previous = (nextHeader?.generation ?? 0) < (header?.generation ?? 0) ? null : (nextHeader?.previous ?? null)
    // Where the next segment says that this one ended, it ended, also after a failed sync left more in it.
    const limit = previous?.baseSequence === segment.baseSequence ? previous.endPosition : Infinity
    await scan.walk(files, segment, segment.header?.compacted?.endPosition ?? limit)
  }
  return { ...scan.result(), superseded }
}

class Scan {
  #place: LogPlace
  #claimedEnd: number
  #claimedOffset = 0
  /** Where the append began that the last envelope belongs to, when that envelope says that it goes on. */
  #openAppend: LogPlace | null = null
  #appendStart: LogPlace
  #holes: Cut[] = []
  #isTorn = false
  readonly #limits: TailScanLimits

  constructor(place: LogPlace, limits: TailScanLimits) {
    this.#place = place
    this.#appendStart = place
    this.#claimedEnd = limits.claimedEnd
    this.#limits = limits
  }

  async walk(files: LogFiles, segment: Segment, limit: number): Promise<void> {
    const { searchBytesMax } = this.#limits
    const { header } = segment
    // Without a header nothing in it can be told from old bytes. If it was synced, what is written later says so.
    if (header === null) {
      this.#isTorn = true
      const { offset } = this.#place.end
      await this.#doubt(files, segment, headerBytes, { sequence: segment.baseSequence, offset })
      return
    }
    this.#claimedEnd = Math.max(this.#claimedEnd, header.durableEnd)
    if (segment.baseSequence > this.#place.end.sequence) {
      this.#hole(segment.baseSequence, `batches before ${segment.path} are missing`)
      this.#moveTo({ sequence: segment.baseSequence, offset: header.baseOffset })
    }
    const isSame = this.#place.segment === segment
    const position = isSame ? this.#place.position : headerBytes
    let end = position
    const held = await files.hold(segment)
    try {
      const size = Math.min(limit, await held.file.size())
      const walker = new SegmentWalker(held.file, {
        generation: header.generation,
        logIdentity: segment.logIdentity,
        position,
        sequence: isSame ? this.#place.end.sequence : segment.baseSequence,
        offset: isSame ? this.#place.end.offset : header.baseOffset,
        endPosition: size,
        searchBytesMax,
        toleratesReadErrors: false,
        windowBytes,
      })
      this.#place = { ...this.#place, segment, position }
      await this.#follow(walker)
      end = walker.position
      // What compaction took from the end of it counts for what comes behind.
      const { compacted } = header
      if (compacted !== undefined && this.#place.end.sequence === compacted.endSequence) {
        const behind = { sequence: compacted.endSequence, offset: compacted.endOffset }
        this.#place = { ...this.#place, end: behind, timeMs: compacted.lastTimeMs }
      }
      const rest = Buffer.alloc(12)
      await held.file.read(rest, walker.position + needleOffset)
      if (rest.equals(envelopeNeedle(header.generation))) this.#isTorn = true
    } finally {
      held.release()
    }
    // Not where the next segment says that this one ended: nothing beyond ever counted.
    if (limit === Infinity) await this.#doubt(files, segment, end, this.#place.end)
  }

  /** Nobody can say that what follows `from` was not acknowledged. */
  async #doubt(files: LogFiles, segment: Segment, from: number, expected: Position): Promise<void> {
    if (!this.#limits.isDoubtful) return
    if (this.#openAppend === null) this.#claim(this.#place.end)
    const claimed = await claimedEnd(files, segment, from, expected)
    if (claimed !== null) this.#claim(claimed)
  }

  #claim(end: Position): void {
    this.#claimedEnd = Math.max(this.#claimedEnd, end.sequence)
    this.#claimedOffset = Math.max(this.#claimedOffset, end.offset)
  }

  /** Whether it begins in the middle of what was found, and was made before it. */
  isSuperseded({ baseSequence, header }: Segment): boolean {
    const made = this.#place.segment?.header?.generation ?? 0
    return header !== null && header.generation < made && baseSequence < this.#place.end.sequence
  }

  result(): Omit<TailScan, 'superseded'> {
    // Holes come in order: the first that nothing vouches for is where the log ends.
    const unproven = this.#holes.find(({ damage }) => damage.from >= this.#claimedEnd)
    const proven = this.#holes.filter(({ damage }) => damage.from < this.#claimedEnd).map(({ damage }) => damage)
    if (unproven !== undefined) return { place: unproven.place, damaged: proven, isTorn: true }
    if (this.#openAppend !== null && this.#openAppend.end.sequence >= this.#claimedEnd) {
      return { place: this.#openAppend, damaged: proven, isTorn: true }
    }
    if (this.#place.end.sequence < this.#claimedEnd) {
      const { sequence } = this.#place.end
      const offset = Math.max(this.#place.end.offset, this.#claimedOffset)
      proven.push({ from: sequence, to: this.#claimedEnd, detail: 'synced events are missing at the end' })
      const place = { ...this.#place, segment: null, position: 0, end: { sequence: this.#claimedEnd, offset } }
      return { place, damaged: proven, isTorn: this.#isTorn }
    }
    return { place: this.#place, damaged: proven, isTorn: this.#isTorn }
  }

  async #follow(walker: SegmentWalker): Promise<void> {
    for (;;) {
      const next = walker.next()
      const item = next instanceof Promise ? await next : next
      if (item === null) return
      if (item.kind === 'hole') {
        this.#hole(item.toSequence, item.detail)
        this.#place = { ...this.#place, position: item.toPosition }
        this.#moveTo({ sequence: walker.sequence, offset: walker.offset })
        continue
      }
      const { header } = item
      this.#claimedEnd = Math.max(this.#claimedEnd, header.durableEnd)
      if (this.#openAppend === null) this.#appendStart = this.#place
      this.#openAppend = header.continues ? this.#appendStart : null
      this.#place = {
        segment: this.#place.segment,
        position: item.endPosition,
        end: { sequence: walker.sequence, offset: walker.offset },
        timeMs: header.enqueuedTimeMs,
      }
    }
  }

  #hole(to: number, detail: string): void {
    // An append that lost its end to the hole goes as a whole, unless what it lost had been synced.
    this.#holes.push({ place: this.#openAppend ?? this.#place, damage: { from: this.#place.end.sequence, to, detail } })
    this.#openAppend = null
  }

  #moveTo(end: Position): void {
    this.#place = { ...this.#place, end }
  }
}
