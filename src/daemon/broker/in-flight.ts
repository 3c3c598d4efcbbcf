// How many bytes are on their way to storage, over all partitions, and who waits for them to get fewer. Two marks: above the
// first nobody is granted more (`isWritable`), so senders pause; above the second, which only what was already on the wire can
// reach, publications are refused. Each partition has its own two marks besides (`partition-appender.ts`).

export interface WaitingWriter {
  readonly isWritable: boolean
  /** Called once, when `isWritable` has become true. */
  becameWritable(): void
}

/** How many partitions of one hub take nothing more at present. */
export class Congestion {
  partitions = 0
}

export class InFlight {
  /** Bytes copied into groups that have not settled. */
  bytes = 0
  readonly #bytesMax: number
  readonly #waiting = new Set<WaitingWriter>()
  #whenEmpty: (() => void)[] = []

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get isBelowMark(): boolean {
    return this.bytes < this.#bytesMax
  }

  get isExhausted(): boolean {
    return this.bytes >= 2 * this.#bytesMax
  }

  wait(writer: WaitingWriter): void {
    this.#waiting.add(writer)
  }

  cancel(writer: WaitingWriter): void {
    this.#waiting.delete(writer)
  }

  /**
   * Bytes of a group that settled.
   * @param isPartitionRelieved Its partition went below its own mark by this.
   */
  release(bytes: number, isPartitionRelieved: boolean): void {
    const wasBelowMark = this.isBelowMark
    this.bytes -= bytes
    if (this.bytes === 0) this.#tellEmpty()
    if (this.#waiting.size === 0) return
    if (!isPartitionRelieved && (wasBelowMark || !this.isBelowMark)) return
    for (const writer of [...this.#waiting]) {
      if (writer.isWritable && this.#waiting.delete(writer)) writer.becameWritable()
    }
  }

  /** Resolves when nothing is in flight. */
  empty(): Promise<void> {
    if (this.bytes === 0) return Promise.resolve()
    return new Promise((resolve) => this.#whenEmpty.push(resolve))
  }

  #tellEmpty(): void {
    const waiting = this.#whenEmpty
    this.#whenEmpty = []
    for (const resolve of waiting) resolve()
  }
}
