// Thresholds for monitors: `--check warn=N,crit=N` on events of lag, `--age-check warn=DUR,crit=DUR` on the age of the oldest
// unhandled event. Exit codes as monitors expect them.

import { parseDuration } from '../base/duration.ts'
import { EhubError } from '../base/error.ts'
import type { PartitionLag } from '../wire/lag/snapshot.ts'

export interface Thresholds {
  /** At or above it: a warning; null: never. */
  readonly warn: number | null
  readonly crit: number | null
}

export type CheckResult = 'ok' | 'warning' | 'critical'

export const checkExitCodes: Readonly<Record<CheckResult, number>> = { ok: 0, warning: 10, critical: 11 }

/**
 * `warn=10,crit=100`, either alone, or one bare value, which is critical.
 * @throws EhubError `usage`.
 */
export function parseThresholds(text: string, flag: string, parse: (value: string) => number): Thresholds {
  const found: { warn: number | null; crit: number | null } = { warn: null, crit: null }
  for (const part of text.split(',')) {
    const [name, value, ...rest] = part.includes('=') ? part.split('=') : ['crit', part]
    if ((name !== 'warn' && name !== 'crit') || value === undefined || rest.length > 0 || found[name] !== null) {
      throw new EhubError('usage', `${flag} "${text}" is not warn=VALUE,crit=VALUE`)
    }
    found[name] = parse(value)
  }
  if (found.warn !== null && found.crit !== null && found.warn > found.crit) {
    throw new EhubError('usage', `${flag} "${text}" warns later than it is critical`)
  }
  return found
}

/** A whole number of events, 0 or more. @throws EhubError `usage`. */
export function parseEventCount(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new EhubError('usage', `"${text}" is not a number of events`)
  return Number(text)
}

export const parseAgeMs = (text: string): number => parseDuration(text)

/** The worst over all rows; groups nobody uses are not behind. */
export function checkLag(rows: readonly PartitionLag[], lag: Thresholds | null, age: Thresholds | null): CheckResult {
  let worst: CheckResult = 'ok'
  for (const row of rows) {
    if (row.status === 'UNUSED') continue
    for (const [value, thresholds] of [
      [row.lag, lag],
      [row.ageMs, age],
    ] as const) {
      if (thresholds === null || value === null) continue
      if (thresholds.crit !== null && value >= thresholds.crit) return 'critical'
      if (thresholds.warn !== null && value >= thresholds.warn) worst = 'warning'
    }
  }
  return worst
}
