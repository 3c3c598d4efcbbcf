// A turn is what happens between two flushes: everything published in it to one partition shares one append. An adapter flushes at
// the end of its turn (a socket's read callback); what nobody flushes leaves on the next microtask.

import type { PartitionAppender } from './partition-appender.ts'

export class Turns {
  #dirty: PartitionAppender[] = []
  #number = 0
  readonly #flushLater = () => this.flush()

  /** Changes with every flush that had something to hand over. */
  get number(): number {
    return this.#number
  }

  becameDirty(appender: PartitionAppender): void {
    if (this.#dirty.length === 0) queueMicrotask(this.#flushLater)
    this.#dirty.push(appender)
  }

  flush(): void {
    if (this.#dirty.length === 0) return
    const dirty = this.#dirty
    this.#dirty = []
    this.#number += 1
    for (const appender of dirty) appender.flush()
  }
}
