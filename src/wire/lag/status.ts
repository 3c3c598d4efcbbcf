// What a partition's lag means: the rules of Burrow's consumer evaluation, adapted to checkpoints with times. First match
// wins. A tracker keeps what the rules need of the past: the last ten looks, the last ten distinct checkpoint writes, and from
// where a checkpoint was moved back. Everything in and out is a value; the tracker's only state is that window.

import { isNeverUsed, type Lag, type LagFacts, measureLag } from './lag.ts'

export const lagStatuses = [
  'LOST',
  'INVAL',
  'STOP',
  'STALL',
  'REWIND',
  'WARN',
  'NOCKPT',
  'UNKNOWN',
  'PENDING',
  'OK',
  'IDLE',
  'UNUSED',
] as const
export type LagStatus = (typeof lagStatuses)[number]

export type LagLevel = 'ERR' | 'WARN' | 'UNKNOWN' | 'OK'

export interface LagVerdict {
  readonly status: LagStatus
  readonly level: LagLevel
  /** One clause for a person: what was seen. */
  readonly reason: string
}

export interface LagRules {
  /** Lag that is still fine, events. */
  readonly allowedEvents: number
  /** The group has a checkpoint on some partition, or a reader has been seen. */
  readonly isGroupUsed: boolean
}

/** Looks the window holds, and how many are needed before the rules about movement are asked. */
export const windowLooks = 10
const looksNeeded = 5
/** For this long after a deliberate `ehub checkpoint --to`, moving back is a warning instead of an error. */
export const deliberateMs = 60_000

interface Look {
  readonly facts: LagFacts
  readonly lag: Lag
}

export class LagTracker {
  #looks: readonly Look[] = []
  /** Times of the last distinct checkpoint writes, oldest first: the consumer's own rhythm. */
  #writesMs: readonly number[] = []
  /** Highest checkpoint before it was moved back, until it is reached again. */
  #rewoundFrom: number | null = null
  #deliberateAtMs: number | null = null
  readonly #gapMs: number

  /** @param gapMs A look closer than this to the one before takes its place, so that asking often narrows no window. */
  constructor(gapMs = 0) {
    this.#gapMs = gapMs
  }

  /** Looks must come in order of time; an unreadable one is kept but moves nothing. */
  push(facts: LagFacts): void {
    const previous = this.#looks.findLast((look) => look.facts.isReadable)?.facts.checkpoint ?? null
    const lastMs = this.#looks.at(-1)?.facts.atMs ?? Number.NEGATIVE_INFINITY
    const before = facts.atMs - lastMs < this.#gapMs ? this.#looks.slice(0, -1) : this.#looks
    this.#looks = [...before, { facts, lag: measureLag(facts) }].slice(-windowLooks)
    if (!facts.isReadable) return
    const { checkpoint } = facts
    if (checkpoint === null) {
      this.#writesMs = []
      this.#rewoundFrom = null
      return
    }
    const { updatedAtMs } = checkpoint
    if (updatedAtMs !== null && updatedAtMs !== this.#writesMs.at(-1)) {
      this.#writesMs = [...this.#writesMs, updatedAtMs].slice(-windowLooks)
    }
    if (previous !== null && checkpoint.sequence < previous.sequence) {
      this.#rewoundFrom = Math.max(this.#rewoundFrom ?? 0, previous.sequence)
    }
    if (this.#rewoundFrom !== null && checkpoint.sequence >= this.#rewoundFrom) this.#rewoundFrom = null
  }

  /** Somebody moved the checkpoint on purpose at `atMs`. */
  noteDeliberateMove(atMs: number): void {
    this.#deliberateAtMs = atMs
  }

  /** The verdict on the last look. */
  verdict(rules: LagRules): LagVerdict {
    const look = this.#looks.at(-1)
    if (look === undefined) return { status: 'PENDING', level: 'OK', reason: 'no sample yet' }
    if (!look.facts.isReadable)
      return { status: 'UNKNOWN', level: 'UNKNOWN', reason: 'the checkpoint store cannot be read' }
    if (look.facts.checkpoint === null) return withoutCheckpoint(look, rules)
    return (
      brokenCheckpoint(look, look.facts.checkpoint.sequence) ??
      this.#movement(rules) ??
      settled(look, this.#looks, rules)
    )
  }

  #movement(rules: LagRules): LagVerdict | null {
    const readable = this.#looks.filter((look) => look.facts.isReadable && look.facts.checkpoint !== null)
    const last = readable.at(-1)
    const first = readable.at(0)
    if (last === undefined || first === undefined) return null
    const nowMs = last.facts.atMs
    const isEnough = readable.length >= looksNeeded
    const isBehindThroughout = readable.every((look) => look.lag.events > rules.allowedEvents)

    if (isEnough && isBehindThroughout) {
      const stopped = this.#stopped(nowMs, first.facts.atMs)
      if (stopped !== null) return stopped
      const isWritten = last.facts.checkpoint?.updatedAtMs !== first.facts.checkpoint?.updatedAtMs
      const isUnmoved = readable.every((look) => look.facts.checkpoint?.sequence === last.facts.checkpoint?.sequence)
      if (isWritten && isUnmoved) {
        return { status: 'STALL', level: 'ERR', reason: 'checkpoints are written but do not move' }
      }
    }
    if (this.#rewoundFrom !== null) {
      const isDeliberate = this.#deliberateAtMs !== null && nowMs - this.#deliberateAtMs <= deliberateMs
      const reason = `the checkpoint was moved back from ${this.#rewoundFrom} and has not caught up`
      return { status: 'REWIND', level: isDeliberate ? 'WARN' : 'ERR', reason }
    }
    if (isEnough && isBehindThroughout) {
      const isNeverShrinking = readable.every((look, index) => {
        const before = readable[index - 1]
        return before === undefined || look.lag.events >= before.lag.events
      })
      const isAdvancing = (last.facts.checkpoint?.sequence ?? 0) > (first.facts.checkpoint?.sequence ?? 0)
      // Growing without advancing is on its way to STOP or STALL: between the two the lag must not look fine.
      const isGrowing = last.lag.events > first.lag.events
      if (isNeverShrinking && (isAdvancing || isGrowing)) {
        return { status: 'WARN', level: 'WARN', reason: 'the lag has not shrunk in the window' }
      }
    }
    return null
  }

  // A consumer is taken to have stopped once it has been silent for longer than its last writes took together. With a single
  // write seen there is no rhythm to compare with: then it must have been silent for the whole window.
  #stopped(nowMs: number, windowFromMs: number): LagVerdict | null {
    const lastMs = this.#writesMs.at(-1)
    const firstMs = this.#writesMs.at(0)
    if (lastMs === undefined || firstMs === undefined) return null
    const silentMs = nowMs - lastMs
    const hasRhythm = this.#writesMs.length > 1
    const isSilent = hasRhythm
      ? silentMs > lastMs - firstMs
      : this.#looks.length === windowLooks && silentMs >= nowMs - windowFromMs
    if (!isSilent) return null
    return { status: 'STOP', level: 'ERR', reason: `no checkpoint for ${Math.round(silentMs / 1000)} s` }
  }
}

function brokenCheckpoint({ facts, lag }: Look, sequence: number): LagVerdict | null {
  if (lag.lost > 0) {
    return { status: 'LOST', level: 'ERR', reason: `${lag.lost} events were removed before the consumer came to them` }
  }
  if (sequence > facts.lastSequence) {
    const reason = `the checkpoint ${sequence} lies beyond the last event ${facts.lastSequence}: was the hub made anew?`
    return { status: 'INVAL', level: 'ERR', reason }
  }
  return null
}

function withoutCheckpoint({ facts, lag }: Look, rules: LagRules): LagVerdict {
  if (isNeverUsed(facts) || lag.events === 0) {
    const isUnused = !rules.isGroupUsed
    return { status: isUnused ? 'UNUSED' : 'IDLE', level: 'OK', reason: 'nothing stored, nothing to read' }
  }
  if (!rules.isGroupUsed) return { status: 'UNUSED', level: 'OK', reason: 'the group has no checkpoint and no reader' }
  return { status: 'NOCKPT', level: 'WARN', reason: 'the group has no checkpoint on this partition' }
}

function settled(look: Look, looks: readonly Look[], rules: LagRules): LagVerdict {
  if (look.lag.events === 0) {
    const isQuiet = looks.every((other) => other.facts.lastSequence === look.facts.lastSequence)
    if (isQuiet && looks.length >= looksNeeded) return { status: 'IDLE', level: 'OK', reason: 'no traffic and no lag' }
    return { status: 'OK', level: 'OK', reason: 'no lag' }
  }
  if (look.lag.events <= rules.allowedEvents) return { status: 'OK', level: 'OK', reason: 'the lag is allowed' }
  if (looks.length < looksNeeded) {
    return { status: 'PENDING', level: 'OK', reason: `${looks.length} of ${looksNeeded} samples` }
  }
  return { status: 'OK', level: 'OK', reason: 'the lag shrinks or was zero in the window' }
}

const levelRank: Readonly<Record<LagLevel, number>> = { OK: 0, UNKNOWN: 1, WARN: 2, ERR: 3 }

/** The worst of a group's partitions: by level, then by the order of `lagStatuses`. `OK` for none. */
export function worstVerdict(verdicts: readonly LagVerdict[]): LagVerdict {
  let worst: LagVerdict = { status: 'OK', level: 'OK', reason: 'no partitions' }
  verdicts.forEach((verdict, index) => {
    const isWorse =
      levelRank[verdict.level] > levelRank[worst.level] ||
      (verdict.level === worst.level && lagStatuses.indexOf(verdict.status) < lagStatuses.indexOf(worst.status))
    if (index === 0 || isWorse) worst = verdict
  })
  return worst
}
