// Keeps a group's checkpoints while events are read: only ever of events whose write to stdout has completed, every so many
// events or so often, and once more at the end. One call to the daemon at a time.

import type { Clock, Timer } from '../base/clock.ts'
import { parseDuration } from '../base/duration.ts'
import { EhubError } from '../base/error.ts'
import { isRetryable } from '../client/retry.ts'

export interface EventMark {
  readonly partition: string
  readonly sequence: number
  readonly offset: string | null
}

/** Events or milliseconds; one of them null. */
export interface CheckpointInterval {
  readonly events: number | null
  readonly ms: number | null
}

/** `100` events or `5s`. @throws EhubError `usage`. */
export function parseCheckpointInterval(text: string): CheckpointInterval {
  if (/^[1-9]\d{0,8}$/.test(text)) return { events: Number(text), ms: null }
  const ms = parseDuration(text)
  if (ms === 0) throw new EhubError('usage', 'checkpoints every 0 ms would do nothing else')
  return { events: null, ms }
}

export interface CheckpointerOptions {
  readonly clock: Clock
  /** Keeps one; resolves when it is durable. @throws EhubError. */
  readonly keep: (mark: EventMark) => Promise<void>
  readonly interval: CheckpointInterval
  /** A checkpoint cannot be kept and will not be: the command ends. */
  readonly onFailed: (error: unknown) => void
}

export class Checkpointer {
  readonly #options: CheckpointerOptions
  /** Written, not kept yet: the latest of each partition. */
  #dirty = new Map<string, EventMark>()
  #eventsSince = 0
  #timer: Timer | null = null
  #saving: Promise<void> | null = null

  constructor(options: CheckpointerOptions) {
    this.#options = options
  }

  /** These events have been written, `count` in all; `marks` are the latest of their partitions. */
  written(marks: readonly EventMark[], count: number): void {
    for (const mark of marks) this.#dirty.set(mark.partition, mark)
    this.#eventsSince += count
    const { clock, interval } = this.#options
    if (interval.events !== null && this.#eventsSince >= interval.events) this.#startSaving()
    if (interval.ms !== null) this.#timer ??= clock.schedule(interval.ms, () => this.#startSaving())
  }

  /** What was written of the partition and not kept is another one's to keep. */
  forget(partition: string): void {
    this.#dirty.delete(partition)
  }

  /** Keeps what was written; resolves when the daemon has it. @throws EhubError. */
  async finish(): Promise<void> {
    this.#timer?.cancel()
    await this.#saving
    while (this.#dirty.size > 0) await this.#save()
  }

  #startSaving(): void {
    this.#timer?.cancel()
    this.#timer = null
    if (this.#saving !== null) return
    this.#saving = this.#save()
      .catch((error: unknown) => {
        // Kept dirty: the next time may do. What was not kept is read again, never lost.
        if (!isRetryable(error)) this.#options.onFailed(error)
      })
      .finally(() => {
        this.#saving = null
      })
  }

  async #save(): Promise<void> {
    const marks = [...this.#dirty.values()]
    this.#eventsSince = 0
    for (const mark of marks) {
      // Forgotten meanwhile: the partition is not ours any more.
      if (!this.#dirty.has(mark.partition)) continue
      await this.#options.keep(mark)
      if (this.#dirty.get(mark.partition) === mark) this.#dirty.delete(mark.partition)
    }
  }
}
