// Reads a partition from its start and says what does not hold: damage, gaps, order, counts, times. Storage checks every
// checksum on the way; what still lies in the tail cache is checked as it is there. In steps, so that a large partition
// neither blocks the loop nor a request.

import { EhubError } from '../../base/error.ts'
import { countEvents } from '../../wire/amqp/batch-payload.ts'
import type { Batch, PartitionLog } from '../storage/storage-engine.ts'
import { eventCount, indexAtSequence, offsetEnd } from '../storage/survivors.ts'
import type { VerifyProblem, VerifyStep } from './broker-api.ts'

/** Problems told in one step; a log that is rubbish throughout says so often enough. */
const problemsMax = 100

/** What the step before ended with; the beginning has none. */
export interface VerifyCursor {
  readonly sequence: number
  /** Lowest offset and time that may follow. */
  readonly offset: number
  readonly timeMs: number
}

/**
 * Checks about `maxBytes` of payload from the cursor on.
 * @throws EhubError storage's errors but `storage-corrupt`, which is what is looked for.
 */
export async function verifyStep(log: PartitionLog, from: VerifyCursor | null, maxBytes: number): Promise<VerifyStep> {
  const { start, end } = log
  const check = new StepCheck(from ?? { sequence: start.sequence, offset: start.offset, timeMs: 0 })
  // Trimmed meanwhile: that is no gap.
  check.skipTo(Math.max(check.sequence, start.sequence))
  while (check.sequence < end.sequence && check.bytes < maxBytes && check.problems.length < problemsMax) {
    try {
      const batches = await log.read(check.sequence, maxBytes - check.bytes)
      if (batches.length === 0) {
        check.report('gap', end.sequence, 'nothing can be read up to the end')
        break
      }
      for (const batch of batches) check.batch(batch)
    } catch (error) {
      if (!(error instanceof EhubError) || error.code !== 'storage-corrupt') throw error
      const { sequence } = check
      const damage = log.statistics().damaged.find(({ from: first, to }) => first <= sequence && sequence < to)
      check.report('damage', damage?.to ?? end.sequence, damage?.detail ?? error.message)
    }
  }
  return check.result(end.sequence)
}

class StepCheck {
  sequence: number
  bytes = 0
  readonly problems: VerifyProblem[] = []
  #offset: number
  #timeMs: number
  #events = 0

  constructor({ sequence, offset, timeMs }: VerifyCursor) {
    this.sequence = sequence
    this.#offset = offset
    this.#timeMs = timeMs
  }

  skipTo(sequence: number): void {
    this.sequence = sequence
  }

  /** Notes a problem from the present sequence up to `to`, exclusive, and goes on there. */
  report(kind: VerifyProblem['kind'], to: number, detail: string): void {
    this.problems.push({ kind, fromSequence: this.sequence, toSequence: to, detail })
    this.sequence = Math.max(to, this.sequence)
  }

  batch(batch: Batch): void {
    const { baseSequence, baseOffset, count, enqueuedTimeMs, encoding, payload } = batch
    // The first batch of a step may begin before it.
    if (baseSequence > this.sequence)
      this.report('gap', baseSequence, `${baseSequence - this.sequence} events are missing`)
    const endSequence = baseSequence + count
    const note = (kind: VerifyProblem['kind'], detail: string) =>
      this.problems.push({ kind, fromSequence: baseSequence, toSequence: endSequence, detail })
    if (baseSequence >= this.sequence && baseOffset < this.#offset) {
      note('order', `offset ${baseOffset} follows ${this.#offset}`)
    }
    if (enqueuedTimeMs < this.#timeMs)
      note('time', `enqueued ${this.#timeMs - enqueuedTimeMs} ms before the event in front`)
    if (encoding === 'amqp') {
      const found = countOf(payload)
      const declared = eventCount(batch)
      if (found !== declared)
        note('count', `${found ?? 'an unreadable number of'} events where ${declared} are declared`)
    }
    this.bytes += payload.length
    // Gaps inside a batch are what compaction says it took.
    this.#events += eventCount(batch) - indexAtSequence(batch, this.sequence)
    this.#offset = offsetEnd(batch)
    this.#timeMs = Math.max(this.#timeMs, enqueuedTimeMs)
    this.sequence = endSequence
  }

  result(endSequence: number): VerifyStep {
    return {
      events: this.#events,
      bytes: this.bytes,
      problems: this.problems,
      next: { sequence: this.sequence, offset: this.#offset, timeMs: this.#timeMs },
      endSequence,
    }
  }
}

function countOf(payload: Buffer): number | null {
  try {
    return countEvents(payload)
  } catch (error) {
    if (error instanceof EhubError) return null
    throw error
  }
}
