// The bytes of one simulated file: what the page cache shows, what the platter holds, and the operations between them.
//
//   cache    = durable + pending operations, what reads see
//   sync     = pending operations move into durable
//   crash    = durable + an outcome's choice of pending operations, sector by sector

import type { SimRandom } from './sim-random.ts'
import { Lane } from './scheduler.ts'

export const sectorBytes = 512

/** A change not yet durable. `at`, `bytes`: a write; `bytes` null: zeros up to `size` or, when smaller, a cut at `size`. */
interface Pending {
  readonly order: number
  readonly at: number
  readonly bytes: Uint8Array | null
  /** Size of the file after it. */
  readonly size: number
}

/** What a crash leaves of un-synced bytes. */
export interface DataOutcome {
  /** `random`: a file as a whole, or every sector of it by itself. */
  readonly kind: 'lost' | 'kept' | 'ordered' | 'zeros' | 'random'
  /** For `ordered`: changes with an order below it are kept. */
  readonly keptBelow: number
  readonly random: SimRandom
}

/** Bytes with room to grow; zero beyond `size` up to the capacity. Copies share their memory until one of them changes. */
class Bytes {
  data: Buffer = Buffer.alloc(0)
  size = 0
  #isShared = false

  /** Becomes a copy of `other`. */
  copy(other: Bytes): void {
    this.data = other.data
    this.size = other.size
    this.#isShared = true
    other.#isShared = true
  }

  /** Holds exactly `bytes`, which nobody changes any more. */
  take(bytes: Buffer): void {
    this.data = bytes
    this.size = bytes.length
    this.#isShared = true
  }

  resize(size: number): void {
    if (size > this.data.length)
      this.#move(Math.max(size, Math.min(2 * this.data.length, this.data.length + (1 << 20)), 1024))
    if (size < this.size) this.fill(size, this.size)
    this.size = size
  }

  write(bytes: Uint8Array, at: number): void {
    if (at + bytes.length > this.size) this.resize(at + bytes.length)
    this.set(bytes, at)
  }

  /** Inside the size. */
  set(bytes: Uint8Array, at: number): void {
    if (this.#isShared) this.#move(this.data.length)
    this.data.set(bytes, at)
  }

  /** Zeros, inside the size. */
  fill(from: number, to: number): void {
    if (this.#isShared) this.#move(this.data.length)
    this.data.fill(0, from, to)
  }

  #move(capacity: number): void {
    const own = zeros(capacity)
    own.set(this.data.subarray(0, this.size))
    this.data = own
    this.#isShared = false
  }
}

const arenaBytes = 1 << 20
let arena = Buffer.alloc(0)

/** Fresh zeros; small ones from a shared piece, since a buffer of its own costs a microsecond and work for the collector. */
function zeros(count: number): Buffer {
  if (count > arenaBytes >> 4) return Buffer.alloc(count)
  if (count > arena.length) arena = Buffer.alloc(arenaBytes)
  const own = arena.subarray(0, count)
  arena = arena.subarray(count)
  return own
}

export class SimFileNode {
  lane = new Lane()
  /** Names the file in traces, stable over renames. */
  readonly id: number
  readonly #cache = new Bytes()
  readonly #durable = new Bytes()
  #pending: Pending[] = []

  constructor(id: number) {
    this.id = id
  }

  /** A file whose content is already durable. The node keeps `bytes`. */
  static durable(id: number, bytes: Buffer): SimFileNode {
    const node = new SimFileNode(id)
    node.#cache.take(bytes)
    node.#durable.take(bytes)
    return node
  }

  get size(): number {
    return this.#cache.size
  }

  /** The process is gone, and with it what it had not yet handed to the kernel. */
  dropWaiting(): void {
    this.lane = new Lane()
  }

  /** What reads see, without a copy. */
  get bytes(): Buffer {
    return this.#cache.data.subarray(0, this.#cache.size)
  }

  pendingOrders(): number[] {
    return this.#pending.map((change) => change.order)
  }

  read(into: Uint8Array, at: number): number {
    const count = Math.max(0, Math.min(into.length, this.#cache.size - at))
    into.set(this.#cache.data.subarray(at, at + count))
    return count
  }

  write(chunks: readonly Uint8Array[], at: number, order: number): void {
    const bytes = chunks.length === 1 ? Buffer.from(chunks[0]!) : Buffer.concat(chunks)
    if (bytes.length === 0) return
    this.#cache.write(bytes, at)
    this.#pending.push({ order, at, bytes, size: this.#cache.size })
  }

  truncate(size: number, order: number): void {
    if (size === this.#cache.size) return
    this.#cache.resize(size)
    this.#pending.push({ order, at: size, bytes: null, size })
  }

  /** Changes with an order below `below` become durable. */
  sync(below: number): void {
    const later: Pending[] = []
    for (const change of this.#pending) {
      if (change.order < below) apply(this.#durable, change)
      else later.push(change)
    }
    this.#pending = later
  }

  /**
   * The sync failed and the kernel gave up the dirty pages: they count as clean, so a later sync succeeds without them,
   * while the cache still shows them. A seeded part of the sectors did reach the platter.
   */
  dropPages(random: SimRandom): void {
    this.#durable.take(this.crashed({ kind: 'random', keptBelow: 0, random }))
    this.#pending = []
  }

  /** Flips or replaces bytes below the checksums' back, in the cache and on the platter. */
  overwrite(bytes: Uint8Array): void {
    const copy = Buffer.from(bytes)
    for (const target of [this.#cache, this.#durable]) target.take(copy)
    this.#pending = []
  }

  /** What stands on the platter after a crash now. */
  crashed(outcome: DataOutcome): Buffer {
    const after = new Bytes()
    after.copy(this.#durable)
    const pending = this.#pending
    if (pending.length > 0) {
      switch (outcome.kind === 'random' ? randomKind(outcome.random) : outcome.kind) {
        case 'lost':
          break
        case 'kept':
          for (const change of pending) apply(after, change)
          break
        case 'ordered':
          for (const change of pending) if (change.order < outcome.keptBelow) apply(after, change)
          break
        case 'zeros':
          for (const change of pending) after.resize(change.size)
          break
        case 'random':
          this.#applySectors(after, outcome.random)
          break
      }
    }
    return after.data.subarray(0, after.size)
  }

  /**
   * Size changes are kept up to a random one, in order, as a journalling file system does. Every sector holds the state
   * after a random number of the changes that touch it; the last of them may be torn inside the sector.
   */
  #applySectors(after: Bytes, random: SimRandom): void {
    const pending = this.#pending
    const sizesKept = random.below(pending.length + 1)
    const touching = new Map<number, number[]>()
    const firstCut = new Map<number, number>()
    let size = this.#durable.size
    for (let index = 0; index < pending.length; index++) {
      const change = pending[index]!
      if (index < sizesKept) after.resize(change.size)
      const from = Math.floor((change.bytes === null ? change.size : change.at) / sectorBytes)
      const to = Math.ceil(
        (change.bytes === null ? Math.max(size, change.size) : change.at + change.bytes.length) / sectorBytes,
      )
      for (let sector = from; sector < to; sector++) {
        const list = touching.get(sector)
        if (list === undefined) touching.set(sector, [index])
        else list.push(index)
        // A cut that was kept has also cut what this sector held before.
        if (change.bytes === null && change.size < size && index < sizesKept)
          firstCut.set(sector, touching.get(sector)!.length)
      }
      size = change.size
    }
    for (const [sector, indexes] of touching) {
      const least = firstCut.get(sector) ?? 0
      const kept = random.between(least, indexes.length)
      for (let i = least; i < kept; i++) {
        const isTorn = i === kept - 1 && random.chance(0.1)
        applyToSector(after, pending[indexes[i]!]!, sector, isTorn ? random.below(sectorBytes) : sectorBytes)
      }
    }
  }
}

function randomKind(random: SimRandom): DataOutcome['kind'] {
  return random.pick(['lost', 'kept', 'zeros', 'random', 'random', 'random'])
}

function apply(target: Bytes, change: Pending): void {
  if (change.bytes === null) target.resize(change.size)
  else target.write(change.bytes, change.at)
}

/** The part of a change that lies in the first `reach` bytes of a sector, and inside the file's size. */
function applyToSector(target: Bytes, change: Pending, sector: number, reach: number): void {
  const start = sector * sectorBytes
  const end = Math.min(start + reach, target.size)
  if (change.bytes === null) {
    const from = Math.max(change.size, start)
    if (from < end) target.fill(from, end)
    return
  }
  const from = Math.max(change.at, start)
  const to = Math.min(change.at + change.bytes.length, end)
  if (from < to) target.set(change.bytes.subarray(from - change.at, to - change.at), from)
}
