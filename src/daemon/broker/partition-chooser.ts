// Which partition a publication without key and partition goes to: round robin over the hub, shared by all its publishers.
//
// One publication a turn: each goes one partition further, as the service does per batch. Many small ones in one turn (one
// socket read): they stay together until 64 events or 64 KiB, so that they are stored as one batch and cost one checksum
// and one envelope. Batches and large events always go further. Over time every partition gets as much as the others.

const stickyEvents = 64
const stickyBytes = 64 * 1024
/** A publication at least this large gains nothing from company. */
const largeBytes = 16 * 1024

export class PartitionChooser {
  readonly #partitionCount: number
  #current: number
  #turn = -1
  #events = 0
  #bytes = 0

  constructor(partitionCount: number) {
    this.#partitionCount = partitionCount
    // The first publication goes to partition 0.
    this.#current = partitionCount - 1
  }

  /**
   * @param turn Changes with every flush of the broker.
   * @param isUsable Whether a partition takes publications at present; passed over otherwise, unless none does.
   */
  choose(turn: number, bytes: number, count: number, isUsable: (partition: number) => boolean): number {
    const isSmall = count === 1 && bytes < largeBytes
    const stays =
      isSmall &&
      turn === this.#turn &&
      this.#events < stickyEvents &&
      this.#bytes + bytes <= stickyBytes &&
      isUsable(this.#current)
    if (!stays) this.#advance(isUsable)
    this.#turn = isSmall ? turn : -1
    this.#events += 1
    this.#bytes += bytes
    return this.#current
  }

  #advance(isUsable: (partition: number) => boolean): void {
    this.#events = 0
    this.#bytes = 0
    const next = (this.#current + 1) % this.#partitionCount
    let candidate = next
    while (!isUsable(candidate)) {
      candidate = (candidate + 1) % this.#partitionCount
      if (candidate === next) break
    }
    this.#current = candidate
  }
}
