// Where a partition begins for its readers: at the first event that is not older than the retention period, whether what lies before
// is deleted yet or not. Times never decrease in a log, so one sequence number says it all. It never goes back: what was expired once
// stays so, also when the clock goes back or the period becomes longer.
//
//   log start        known start                    end
//   |  expired, not deleted yet  |  readable          |

import { isEhubError } from '../../base/error.ts'
import type { Batch, PartitionLog, Position } from '../storage/storage-engine.ts'

/** Unix milliseconds: an event enqueued before is older than the retention period. -Infinity: events are kept for ever. */
export type Cutoff = () => number

export class Retained {
  readonly #log: PartitionLog
  readonly #cutoff: Cutoff
  #start: Position
  /** Enqueued time of the event at `#start`; null when it is not known. */
  #startTimeMs: number | null = null
  #looking: Promise<void> | null = null

  constructor(log: PartitionLog, cutoff: Cutoff) {
    this.#log = log
    this.#cutoff = cutoff
    this.#start = log.start
  }

  /** The first that may be read as far as is known: exact after `look`, until the event there expires. */
  get start(): Position {
    const { start } = this.#log
    return start.sequence > this.#start.sequence ? start : this.#start
  }

  /** When the event at `start` was enqueued, Unix milliseconds; null when there is none or it is not known. */
  get startTimeMs(): number | null {
    return this.start === this.#start ? this.#startTimeMs : null
  }

  /** Whether the batch may be handed to a reader now; those behind it may then, too. */
  isAlive({ enqueuedTimeMs }: Batch): boolean {
    return enqueuedTimeMs >= this.#cutoff()
  }

  /** `start` is exact at this moment. */
  get isExact(): boolean {
    const { sequence } = this.start
    if (sequence >= this.#log.end.sequence) return true
    const cutoffMs = this.#cutoff()
    if (cutoffMs === -Infinity) return true
    const timeMs = this.startTimeMs
    return timeMs !== null && timeMs >= cutoffMs
  }

  /** Makes `start` exact; nothing to do when it is. Rejects with storage's errors. */
  async look(): Promise<void> {
    // One that began before may know less than the clock now says.
    if (!this.isExact) await this.#looking
    if (this.isExact) return
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null
    })
    await this.#looking
  }

  async #look(): Promise<void> {
    const cutoffMs = this.#cutoff()
    const { end, lastEnqueuedTimeMs } = this.#log
    if (lastEnqueuedTimeMs === null || lastEnqueuedTimeMs < cutoffMs) return this.#moveTo(end, null)
    const { start } = this
    const found = Math.max(await this.#log.findByTime(cutoffMs), start.sequence)
    const damage = found > start.sequence ? await this.#damageAt(found - 1) : null
    // What is damaged has no time: as long as what follows is alive, it is, too, and its reader is told.
    if (damage !== null) return this.#moveTo({ ...start, sequence: Math.max(start.sequence, damage) }, cutoffMs)
    const batch = await this.#batchAt(found)
    if (batch === null) return this.#moveTo({ ...start, sequence: found }, cutoffMs)
    // In the middle of a batch after a trim to there.
    const isInside = this.#log.start.sequence > batch.baseSequence
    const position = isInside ? this.#log.start : { sequence: batch.baseSequence, offset: batch.baseOffset }
    this.#moveTo(position, batch.enqueuedTimeMs)
  }

  /** null: it is damaged, was trimmed meanwhile, or there is none. */
  async #batchAt(sequence: number): Promise<Batch | null> {
    try {
      const [batch] = this.#log.readCached(sequence, 1) ?? (await this.#log.read(sequence, 1))
      return batch ?? null
    } catch (error) {
      if (isEhubError(error, 'storage-corrupt') || isEhubError(error, 'sequence-trimmed')) return null
      throw error
    }
  }

  /** Where the damage begins that `sequence` lies in; null when it can be read or is gone. */
  async #damageAt(sequence: number): Promise<number | null> {
    if ((await this.#batchAt(sequence)) !== null) return null
    return this.#log.statistics().damaged.find(({ from, to }) => from <= sequence && sequence < to)?.from ?? null
  }

  #moveTo(position: Position, timeMs: number | null): void {
    if (position.sequence < this.#start.sequence) return
    this.#start = position
    this.#startTimeMs = timeMs
  }
}
