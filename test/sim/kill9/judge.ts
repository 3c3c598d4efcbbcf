// Lines of several client processes, merged by the machine's monotonic time and given to the history checker. A mark is
// sent to every client; once all have answered, everything up to the earliest answer is complete and can be judged.

import type { HistoryEntry, SendOutcome } from '../history.ts'
import { HistoryChecker } from '../history-checker.ts'

type Line = readonly [kind: string, at: string, ...fields: (string | number | boolean)[]]

interface Pending {
  readonly at: bigint
  readonly line: Line
}

export class Judge {
  readonly checker = new HistoryChecker()
  acknowledged = 0
  unknown = 0
  read = 0
  #pending: Pending[] = []
  #logName: (partition: number) => string

  constructor(logName: (partition: number) => string) {
    this.#logName = logName
  }

  /** A line of a client; its mark's number and time when it is the answer to one. */
  take(text: string): { readonly mark: number; readonly at: bigint } | null {
    const line = JSON.parse(text) as Line
    const at = BigInt(line[1])
    if (line[0] === 'm') return { mark: Number(line[2]), at }
    this.#pending.push({ at, line })
    return null
  }

  /** Judges everything up to `until`; null: everything. */
  judge(until: bigint | null): void {
    const ready = until === null ? this.#pending : this.#pending.filter((entry) => entry.at <= until)
    this.#pending = until === null ? [] : this.#pending.filter((entry) => entry.at > until)
    ready.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
    for (const { line } of ready) this.checker.record(this.#entry(line))
  }

  #entry([kind, , ...fields]: Line): HistoryEntry {
    const number = (index: number) => Number(fields[index])
    switch (kind) {
      case 's':
        return {
          type: 'send-invoked',
          producer: number(0),
          firstNumber: number(1),
          count: number(2),
          log: this.#logName(number(3)),
        }
      case 'c': {
        const outcome = String(fields[2]) as SendOutcome
        if (outcome === 'ok') this.acknowledged++
        else this.unknown++
        return { type: 'send-completed', producer: number(0), firstNumber: number(1), outcome }
      }
      case 'o':
        return { type: 'reader-opened', reader: number(0), log: this.#logName(number(1)), from: number(2) }
      case 'x':
        return { type: 'reader-closed', reader: number(0) }
      case 'r':
        this.read++
        return {
          type: 'read',
          reader: number(0),
          sequence: number(1),
          producer: number(2),
          number: number(3),
          enqueuedTimeMs: number(4),
          isIntact: fields[5] === true,
        }
      default:
        throw new Error(`a client wrote a line of unknown kind ${kind}`)
    }
  }
}
