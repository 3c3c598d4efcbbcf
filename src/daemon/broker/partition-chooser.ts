// Which partition a publication without key and partition goes to. Two rotations over the hub, shared by all its publishers:
//
// - Batches and large events: plain round robin, one partition further each, as the service does per batch.
// - Small single events: one a turn goes one partition further each. Many in one turn (one read of a socket) stay together
//   until 64 events or 64 KiB, so that they are stored as one batch and cost one envelope and one checksum. Since turns end
//   anywhere, plain rotation could give every other partition nearly nothing (65 events a turn: 64, 1, 64, 1); partitions
//   that have had more than their share are passed over until the others have caught up.

const stickyEvents = 64
const stickyBytes = 64 * 1024
/** An event at least this large gains nothing from company. */
const largeBytes = 16 * 1024

export class PartitionChooser {
  #partitionCount: number
  /** Where the last batch or large event went. */
  #lastLarge: number
  /** Where the last small event went, and what that partition has had since it was chosen. */
  #current: number
  #turn = -1
  #runEvents = 0
  #runBytes = 0
  /** Small events each partition has had. */
  #counts: Float64Array<ArrayBuffer>
  #total = 0

  constructor(partitionCount: number) {
    this.#partitionCount = partitionCount
    // The first of each kind goes to partition 0.
    this.#lastLarge = partitionCount - 1
    this.#current = partitionCount - 1
    this.#counts = new Float64Array(partitionCount)
  }

  /** More partitions to choose from. They begin with the share of the others, or they would get everything until they had it. */
  grow(partitionCount: number): void {
    const counts = new Float64Array(partitionCount).fill(this.#total / this.#partitionCount)
    counts.set(this.#counts)
    this.#total += (partitionCount - this.#partitionCount) * (this.#total / this.#partitionCount)
    this.#counts = counts
    this.#partitionCount = partitionCount
  }

  /**
   * @param turn Changes with every flush of the broker.
   * @param isUsable Whether a partition takes publications at present; passed over otherwise, unless none does.
   */
  choose(turn: number, bytes: number, count: number, isUsable: (partition: number) => boolean): number {
    if (count > 1 || bytes >= largeBytes) {
      this.#lastLarge = this.#after(this.#lastLarge, isUsable)
      return this.#lastLarge
    }
    const stays =
      turn === this.#turn &&
      this.#runEvents < stickyEvents &&
      this.#runBytes + bytes <= stickyBytes &&
      isUsable(this.#current)
    if (!stays) this.#beginRun(turn, isUsable)
    this.#runEvents += 1
    this.#runBytes += bytes
    this.#counts[this.#current] = (this.#counts[this.#current] ?? 0) + 1
    this.#total += 1
    return this.#current
  }

  #beginRun(turn: number, isUsable: (partition: number) => boolean): void {
    const share = this.#total / this.#partitionCount
    const isDue = (partition: number) => (this.#counts[partition] ?? 0) <= share && isUsable(partition)
    const due = this.#after(this.#current, isDue)
    // When all that are due cannot be used, one that can be used is better than none.
    this.#current = isDue(due) ? due : this.#after(this.#current, isUsable)
    this.#turn = turn
    this.#runEvents = 0
    this.#runBytes = 0
  }

  /** The next partition that will do, in the circle; simply the next one when none does. */
  #after(partition: number, willDo: (partition: number) => boolean): number {
    const next = (partition + 1) % this.#partitionCount
    let candidate = next
    while (!willDo(candidate)) {
      candidate = (candidate + 1) % this.#partitionCount
      if (candidate === next) break
    }
    return candidate
  }
}
