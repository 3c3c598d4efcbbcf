// Rules 5 and 8: what each reader was handed, in which order, and who may be handed anything at all.

import type { HistoryEntry, Rule } from './history.ts'
import type { LogRecord } from './history-records.ts'

type Opened = Extract<HistoryEntry, { type: 'reader-opened' }>
type Read = Extract<HistoryEntry, { type: 'read' }>

interface Reader {
  readonly log: LogRecord
  readonly place: string
  readonly level: number | null
  next: number
  /** Events it may still be handed after being displaced. */
  creditLeft: number
}

export class ReaderRules {
  readonly #readers = new Map<number, Reader>()
  /** By log and group: the reader with an owner level that was attached last. */
  readonly #owners = new Map<string, number>()
  readonly #violate: (rule: Rule, what: string) => void

  constructor(violate: (rule: Rule, what: string) => void) {
    this.#violate = violate
  }

  open(entry: Opened, log: LogRecord): void {
    const level = entry.level ?? null
    const place = `${log.name} group ${entry.group ?? ''}`
    const reader: Reader = { log, place, level, next: entry.from, creditLeft: entry.credit ?? 0 }
    this.#readers.set(entry.reader, reader)
    const ownerId = this.#owners.get(place)
    const owner = ownerId === undefined ? undefined : this.#readers.get(ownerId)
    if (owner !== undefined && (level === null || level < (owner.level ?? -1))) {
      this.#violate(
        8,
        `${place}: reader ${entry.reader} with level ${level} was let in beside ${ownerId} with ${owner.level}`,
      )
    } else if (level !== null) {
      this.#owners.set(place, entry.reader)
    }
  }

  /** The log the reader reads, null when it is not open. */
  read(entry: Read): LogRecord | null {
    const reader = this.#readers.get(entry.reader)
    if (reader === undefined) {
      this.#violate(5, `reader ${entry.reader} was handed ${entry.sequence} while it was closed`)
      return null
    }
    const owner = this.#owners.get(reader.place)
    if (owner !== undefined && owner !== entry.reader && --reader.creditLeft < 0) {
      this.#violate(8, `${reader.place}: reader ${entry.reader} was handed ${entry.sequence} after ${owner} took over`)
    }
    const { log } = reader
    // What trimming was asked to remove may be missing at the beginning.
    const isSkipped =
      entry.sequence > reader.next &&
      entry.sequence > log.trimInvoked &&
      !log.isGap(Math.max(reader.next, log.trimInvoked), entry.sequence)
    if (entry.sequence < reader.next) {
      this.#violate(
        5,
        `${reader.place}: reader ${entry.reader} was handed ${entry.sequence} where ${reader.next} was next`,
      )
    } else if (isSkipped) {
      this.#violate(
        5,
        `${reader.place}: reader ${entry.reader} was handed ${entry.sequence}, skipping from ${reader.next}`,
      )
    }
    reader.next = entry.sequence + 1
    return log
  }

  close(id: number): void {
    const reader = this.#readers.get(id)
    if (reader === undefined) return
    this.#readers.delete(id)
    if (this.#owners.get(reader.place) === id) this.#owners.delete(reader.place)
  }
}
