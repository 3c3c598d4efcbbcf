// Judges a history by the eleven rules of reliability.md H2. Entries stream through `record`; what is kept is a few
// numbers an event and an attempt. `finish` judges what can only be known at the end.

import { ReaderRules } from './history-readers.ts'
import { type AttemptRow, LogRecord, Producers } from './history-records.ts'
import type { HistoryEntry, LogName, Rule, SeenEvent, Violation } from './history.ts'
import { RegisterChecker } from './register-checker.ts'

/** Further violations are counted, not described. */
const violationsMax = 50

export class HistoryChecker {
  readonly violations: Violation[] = []
  violationCount = 0
  eventsStored = 0
  /** Entries so far: the history's time. */
  #at = 0
  #logs = new Map<LogName, LogRecord>()
  #producers = new Producers()
  #readers = new ReaderRules((rule, what) => this.#violate(rule, what))
  #registers = new Map<string, RegisterChecker>()
  #registerKeys = new Map<number, string>()
  #registerUnknown = new Set<number>()

  record(entry: HistoryEntry): void {
    this.#at++
    switch (entry.type) {
      case 'send-invoked': {
        const log = this.#log(entry.log)
        const problem = this.#producers.invoke(entry.producer, entry, log.index, log.ackedEnd, this.#at)
        if (problem !== null) this.#violate(9, problem)
        return
      }
      case 'send-completed':
        return this.#sendCompleted(entry.producer, entry.firstNumber, entry.outcome, entry.sequence)
      case 'reader-opened':
        return this.#readers.open(entry, this.#log(entry.log))
      case 'read': {
        const log = this.#readers.read(entry)
        if (log !== null) this.#observe(log, entry)
        return
      }
      case 'reader-closed':
        return this.#readers.close(entry.reader)
      case 'trim-invoked': {
        const log = this.#log(entry.log)
        log.trimInvoked = Math.max(log.trimInvoked, entry.before)
        return
      }
      case 'trim-completed': {
        const log = this.#log(entry.log)
        log.trimCompleted = Math.max(log.trimCompleted, entry.before)
        return
      }
      case 'gap-declared':
        this.#log(entry.log).gaps.push({ from: entry.from, to: entry.to })
        return
      case 'delete-invoked':
        this.#log(entry.log).isDeleteInvoked = true
        return
      case 'time-lookup':
        this.#log(entry.log).timeLookups.push(entry)
        return
      case 'register-invoked':
        this.#registerKeys.set(entry.operation, entry.key)
        return this.#register(entry.key).invoke(entry.operation, entry.action)
      case 'register-completed': {
        const key = this.#registerKeys.get(entry.operation) ?? ''
        this.#registerKeys.delete(entry.operation)
        if (!this.#register(key).complete(entry.operation, entry.result)) {
          this.#violate(
            10,
            `register ${key}: no order of operations explains ${JSON.stringify(entry.result)} of operation ${entry.operation}`,
          )
        }
        return
      }
      case 'stored-log':
        return this.#storedLog(this.#log(entry.log), entry.start, entry.end)
      case 'stored':
        return this.#stored(this.#log(entry.log), entry)
    }
  }

  /** Call once, when nothing runs any more and every log that exists was read back. */
  finish(): readonly Violation[] {
    for (const log of this.#logs.values()) this.#finishLog(log)
    this.#producers.forEach((producer, row) => this.#finishAttempt(producer, row))
    if (this.#registerKeys.size > this.#registerUnknown.size) {
      this.#violate(11, `${this.#registerKeys.size} register operations never completed`)
    }
    return this.violations
  }

  // ------------------------------------------------------------ sends

  #sendCompleted(producer: number, firstNumber: number, outcome: 'ok' | 'failed' | 'unknown', sequence?: number): void {
    const row = this.#producers.find(producer, firstNumber)
    if (row === null) return this.#violate(3, `an answer for ${producer}/${firstNumber}, which was never sent`)
    row.complete(outcome, this.#at, sequence)
    if (outcome !== 'ok' || sequence === undefined) return
    const log = this.#logAt(row.log)
    if (sequence < row.floor) {
      this.#violate(
        6,
        `${log.name}: ${row.name} got ${sequence}, though ${row.floor - 1} was acknowledged before it was sent`,
      )
    }
    log.ackedEnd = Math.max(log.ackedEnd, sequence + row.count)
    for (let i = 0; i < row.count; i++) this.#place(log, sequence + i, producer, firstNumber + i)
  }

  // ------------------------------------------------------------ what was seen

  /** Anybody saw this event at this number: the same for everybody (rule 1), sent by somebody, unharmed (rule 3). */
  #observe(log: LogRecord, seen: SeenEvent): void {
    const at = `${log.name} ${seen.sequence}`
    if (!seen.isIntact) this.#violate(3, `${at}: the body's checksum is wrong`)
    const row = this.#producers.find(seen.producer, seen.number)
    if (row === null) return this.#violate(3, `${at}: ${seen.producer}/${seen.number} was never sent`)
    if (row.log !== log.index) this.#violate(3, `${at}: ${row.name} was sent to ${this.#logAt(row.log).name}`)
    if (row.outcome === 'failed') this.#violate(3, `${at}: ${row.name} is there, though its send failed`)
    this.#place(log, seen.sequence, seen.producer, seen.number)
    const time = log.time.get(seen.sequence)
    if (time !== -1 && time !== seen.enqueuedTimeMs) {
      this.#violate(7, `${at}: enqueued time ${seen.enqueuedTimeMs} was ${time} before`)
    }
    log.time.set(seen.sequence, seen.enqueuedTimeMs)
  }

  #place(log: LogRecord, sequence: number, producer: number, number: number): void {
    const before = log.producer.get(sequence)
    if (before === -1) {
      log.producer.set(sequence, producer)
      log.number.set(sequence, number)
    } else if (before !== producer || log.number.get(sequence) !== number) {
      this.#violate(
        1,
        `${log.name} ${sequence}: ${producer}/${number} and ${before}/${log.number.get(sequence)} at one number`,
      )
    }
    log.seenEnd = Math.max(log.seenEnd, sequence + 1)
  }

  // ------------------------------------------------------------ the read-back

  #storedLog(log: LogRecord, start: number, end: number): void {
    log.storedStart = start
    log.storedEnd = end
    log.storedNext = start
    if (start < log.trimCompleted)
      this.#violate(2, `${log.name} starts at ${start}, though it was trimmed to ${log.trimCompleted}`)
    if (start > log.trimInvoked)
      this.#violate(2, `${log.name} starts at ${start}, though trimming reached only ${log.trimInvoked}`)
    if (end < log.seenEnd)
      this.#violate(2, `${log.name} ends at ${end}, though ${log.seenEnd - 1} was seen or acknowledged`)
  }

  #stored(log: LogRecord, seen: SeenEvent): void {
    this.eventsStored++
    this.#observe(log, seen)
    if (seen.sequence !== log.storedNext && !log.isGap(log.storedNext, seen.sequence)) {
      this.#violate(1, `${log.name}: ${seen.sequence} follows where ${log.storedNext} belongs`)
    }
    log.storedNext = seen.sequence + 1
    if (seen.enqueuedTimeMs < log.lastTimeMs) {
      this.#violate(7, `${log.name} ${seen.sequence}: enqueued time ${seen.enqueuedTimeMs} after ${log.lastTimeMs}`)
    }
    log.lastTimeMs = seen.enqueuedTimeMs
    const row = this.#producers.find(seen.producer, seen.number)
    if (row === null) return
    const position = seen.sequence - (seen.number - row.firstNumber)
    if (row.foundAt === -1) {
      row.foundAt = position
      if (row.completedAt !== -1 && row.completedAt < log.lastInvokedAt) {
        this.#violate(6, `${log.name}: ${row.name} stands behind an event that was sent after it was acknowledged`)
      }
      log.lastInvokedAt = Math.max(log.lastInvokedAt, row.invokedAt)
      if (position < row.floor) {
        this.#violate(
          6,
          `${log.name}: ${row.name} stands at ${position}, though ${row.floor - 1} was acknowledged before it was sent`,
        )
      }
    } else if (row.foundAt !== position) {
      const isTwice = row.isStored(seen.number)
      const rule: Rule = row.isIdempotent ? 9 : isTwice ? 3 : 4
      this.#violate(rule, `${log.name}: ${row.name} stands at ${row.foundAt} and at ${position}`)
    }
    row.countStored(seen.number)
  }

  #finishLog(log: LogRecord): void {
    if (log.storedEnd === -1) {
      if (!log.isDeleteInvoked && log.seenEnd > 0) this.#violate(2, `${log.name} is gone`)
      return
    }
    if (log.storedNext !== log.storedEnd && !log.isGap(log.storedNext, log.storedEnd)) {
      this.#violate(1, `${log.name}: nothing at ${log.storedNext}, though it ends at ${log.storedEnd}`)
    }
    for (const lookup of log.timeLookups) {
      const problem = log.judgeTimeLookup(lookup)
      if (problem !== null) this.#violate(7, problem)
    }
  }

  #finishAttempt(producer: number, row: AttemptRow): void {
    const log = this.#logAt(row.log)
    if (row.outcome === 'pending') this.#violate(11, `${log.name}: ${row.name} was never answered`)
    if (log.storedEnd === -1) return
    if (row.outcome === 'ok') {
      const sequence = row.sequence === -1 ? row.foundAt : row.sequence
      if (sequence === -1) {
        // Without a returned number an event below the start cannot be told from one that was lost.
        if (log.storedStart === 0) this.#violate(2, `${log.name}: ${row.name} was acknowledged and is not there`)
        return
      }
      for (let i = 0; i < row.count; i++) {
        if (sequence + i < log.storedStart || log.isGap(sequence + i, sequence + i + 1)) continue
        if (!row.isStored(row.firstNumber + i)) {
          this.#violate(
            2,
            `${log.name} ${sequence + i}: ${producer}/${row.firstNumber + i} was acknowledged and is not there`,
          )
          return
        }
      }
    }
    if (row.storedCount > 0 && row.foundAt >= log.storedStart && row.storedCount < row.count) {
      if (!log.hasGapIn(row.foundAt, row.foundAt + row.count)) {
        this.#violate(4, `${log.name}: ${row.storedCount} of the ${row.count} events of ${row.name} are there`)
      }
    }
  }

  // ------------------------------------------------------------ inside

  readonly #logsByIndex: LogRecord[] = []

  #log(name: LogName): LogRecord {
    let log = this.#logs.get(name)
    if (log === undefined) {
      log = new LogRecord(name, this.#logsByIndex.length)
      this.#logs.set(name, log)
      this.#logsByIndex.push(log)
    }
    return log
  }

  #logAt(index: number): LogRecord {
    return this.#logsByIndex[index]!
  }

  #register(key: string): RegisterChecker {
    let register = this.#registers.get(key)
    if (register === undefined) {
      register = new RegisterChecker()
      this.#registers.set(key, register)
    }
    return register
  }

  #violate(rule: Rule, what: string): void {
    this.violationCount++
    if (this.violations.length < violationsMax) this.violations.push({ rule, what })
  }
}
