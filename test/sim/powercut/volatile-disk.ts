// A disk with a volatile cache, as a power cut meets it: what was written since the last flush is gone, kept or torn, sector
// by sector, however the dice fall. What was flushed stays. Faults on request: writes or flushes that fail, for a while.

import type { SimRandom } from '../sim-random.ts'

export const sectorBytes = 512

interface Write {
  readonly offset: number
  readonly data: Buffer
}

/** What becomes of writes that no flush has covered. */
export type Survival = 'none' | 'all' | 'sectors' | 'writes' | 'first' | 'last'
export const survivals: readonly Survival[] = ['none', 'all', 'sectors', 'writes', 'first', 'last']

/** What a power cut left of the writes that no flush had covered. */
export interface CutReport {
  readonly survival: Survival
  /** Sectors written since the last flush, counted once a write; how many of them stayed. */
  readonly sectors: number
  readonly kept: number
}

/** Refused by the disk: EIO for whoever asked. */
export class DiskRefusal extends Error {}

export class VolatileDisk {
  readonly bytes: number
  readonly #durable: Buffer
  /** Oldest first; together with the durable part they are what reads see. */
  #cached: Write[] = []
  #cachedBytes = 0
  /** Sector to the newest cached write that holds it. */
  readonly #newest = new Map<number, Write>()
  readonly #cacheBytesMax: number
  #isCut = false
  #cutBefore: { kind: 'write' | 'flush'; left: number } | null = null
  #onCut: () => void = () => undefined
  /** Writes and flushes to come that fail. */
  failingWrites = 0
  failingFlushes = 0
  readonly counts = { writes: 0, flushes: 0, failedWrites: 0, failedFlushes: 0, refused: 0 }

  /** @param cacheBytesMax Beyond it the oldest cached writes become durable unasked, as in a real disk. */
  constructor(bytes: number, cacheBytesMax = 64 * 1024 * 1024) {
    this.bytes = bytes
    this.#durable = Buffer.alloc(bytes)
    this.#cacheBytesMax = cacheBytesMax
  }

  get isCut(): boolean {
    return this.#isCut
  }

  read(offset: number, length: number): Buffer {
    this.#refuseWhenCut()
    const result = Buffer.from(this.#durable.subarray(offset, offset + length))
    if (this.#newest.size === 0) return result
    for (let at = 0; at < length; at += sectorBytes) {
      const newest = this.#newest.get((offset + at) / sectorBytes)
      if (newest === undefined) continue
      const from = offset + at - newest.offset
      newest.data.copy(result, at, from, from + sectorBytes)
    }
    return result
  }

  /** @param isForced Durable before it returns (FUA); other writes stay in the cache. */
  write(offset: number, data: Buffer, isForced: boolean): void {
    this.#count('write')
    this.#refuseWhenCut()
    if (this.failingWrites > 0) {
      this.failingWrites--
      this.counts.failedWrites++
      throw new DiskRefusal('a write fails')
    }
    this.counts.writes++
    const write = { offset, data: Buffer.from(data) }
    for (const [sector] of sectorsOf(write)) this.#newest.set(sector, write)
    this.#cached.push(write)
    this.#cachedBytes += data.length
    // More than was asked; a loop device over FUSE never asks.
    if (isForced) this.#makeDurable()
    while (this.#cachedBytes > this.#cacheBytesMax) this.#destageOldest()
  }

  flush(): void {
    this.#count('flush')
    this.#refuseWhenCut()
    if (this.failingFlushes > 0) {
      this.failingFlushes--
      this.counts.failedFlushes++
      throw new DiskRefusal('a flush fails')
    }
    this.counts.flushes++
    this.#makeDurable()
  }

  /** From now on everything is refused, until `revive`. */
  cut(): void {
    this.#isCut = true
    this.#cutBefore = null
    this.#onCut()
  }

  /** Cuts by itself before the `number`-th write or flush from now (1: the next one); resolves when the power is cut. */
  cutBefore(kind: 'write' | 'flush', number: number): Promise<void> {
    return new Promise((resolve) => {
      this.#onCut = resolve
      this.#cutBefore = { kind, left: number }
    })
  }

  /** Power comes back: what was not flushed has survived or not. */
  revive(survival: Survival, random: SimRandom): CutReport {
    let sectors = 0
    let kept = 0
    const share = random.pick([0.05, 0.5, 0.95])
    const border = random.below(this.#cached.length + 1)
    for (const [index, write] of this.#cached.entries()) {
      const isKept = random.chance(share)
      for (const [sector, content] of sectorsOf(write)) {
        sectors++
        // The write at the border is torn.
        const atBorder = index === border && random.chance(0.5)
        const stays = {
          none: false,
          all: true,
          sectors: random.chance(share),
          writes: isKept,
          first: index < border || atBorder,
          last: index > border || atBorder,
        }[survival]
        if (!stays) continue
        kept++
        content.copy(this.#durable, sector * sectorBytes)
      }
    }
    this.#forget()
    this.#isCut = false
    this.failingWrites = 0
    this.failingFlushes = 0
    return { survival, sectors, kept }
  }

  #makeDurable(): void {
    for (const { offset, data } of this.#cached) data.copy(this.#durable, offset)
    this.#forget()
  }

  #destageOldest(): void {
    const write = this.#cached.shift()
    if (write === undefined) return
    this.#cachedBytes -= write.data.length
    write.data.copy(this.#durable, write.offset)
    for (const [sector] of sectorsOf(write)) if (this.#newest.get(sector) === write) this.#newest.delete(sector)
  }

  #forget(): void {
    this.#cached = []
    this.#cachedBytes = 0
    this.#newest.clear()
  }

  #count(kind: 'write' | 'flush'): void {
    if (this.#cutBefore?.kind !== kind) return
    this.#cutBefore.left--
    if (this.#cutBefore.left === 0) this.cut()
  }

  #refuseWhenCut(): void {
    if (!this.#isCut) return
    this.counts.refused++
    throw new DiskRefusal('the power is cut')
  }
}

function* sectorsOf({ offset, data }: Write): Generator<readonly [sector: number, content: Buffer]> {
  for (let at = 0; at < data.length; at += sectorBytes) {
    yield [(offset + at) / sectorBytes, data.subarray(at, at + sectorBytes)]
  }
}
