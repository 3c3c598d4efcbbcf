// What can be changed on a hub: how long it keeps events and how it gives up old ones. Pure. Limits are those of the daemon's tier;
// only what is asked for is checked, so that a hub made under a larger tier can still be changed otherwise.
//
// Source: reference/service.md §5.2 (limits by tier), §5.5 and §7 (fields and their meaning). Differs from Azure: periods may be as short
// as a second, and the cleanup policy of an existing hub can be changed.

import { formatDuration } from '../../base/duration.ts'
import { EhubError } from '../../base/error.ts'
import { dayMs, type TierLimits } from './tiers.ts'

/**
 * `delete`: events go when the retention period is over. `compact`: of each key the newest stays for ever.
 * `delete-or-compact`: both.
 */
export type Cleanup = 'delete' | 'compact' | 'delete-or-compact'

export interface HubSettings {
  /** Milliseconds an event is kept; null: for ever, as always with cleanup `compact`. */
  readonly retentionMs: number | null
  readonly cleanup: Cleanup
  /** Milliseconds a tombstone stays readable; counts only where something is compacted. */
  readonly tombstoneRetentionMs: number
  /** Milliseconds in which an event is not compacted; counts only where something is. */
  readonly minCompactionLagMs: number
}

const hourMs = 3_600_000
const retentionMsMin = 1000
/** Bounds what can be asked for, far beyond every use: a thousand years. */
const periodMsMax = 365_250 * dayMs

/** The service publishes no defaults for these two: its samples use 1 to 24 hours, and Kafka's lag is 0. */
const compactionDefaults = { tombstoneRetentionMs: 24 * hourMs, minCompactionLagMs: 0 } as const

/** Of hubs made before there were settings: nothing may go because the program became newer. */
export const settingsBefore: HubSettings = { retentionMs: null, cleanup: 'delete', ...compactionDefaults }

const cleanups: ReadonlySet<string> = new Set<Cleanup>(['delete', 'compact', 'delete-or-compact'])

export function isCleanup(value: unknown): value is Cleanup {
  return typeof value === 'string' && cleanups.has(value)
}

export function isCompacted({ cleanup }: Pick<HubSettings, 'cleanup'>): boolean {
  return cleanup !== 'delete'
}

/**
 * Settings of a new hub: what is asked for, the tier's defaults otherwise.
 * @throws EhubError `argument-out-of-range`, `argument-error`, naming setting, value and limit.
 */
export function newSettings(asked: Partial<HubSettings>, limits: TierLimits): HubSettings {
  return changedSettings({ ...settingsBefore, retentionMs: limits.retentionMsDefault }, asked, limits)
}

/** @throws EhubError as `newSettings`. */
export function changedSettings(present: HubSettings, change: Partial<HubSettings>, limits: TierLimits): HubSettings {
  const settings: HubSettings = { ...present, ...change }
  if (change.cleanup !== undefined && isCompacted(settings) && !limits.hasCompaction) {
    throw new EhubError('not-allowed', `cleanup "${settings.cleanup}" is not to be had in tier "${limits.tier}"`, {
      hint: 'start the daemon with --tier standard or above',
    })
  }
  if (change.tombstoneRetentionMs !== undefined) checkPeriod('tombstone retention', change.tombstoneRetentionMs, 0)
  if (change.minCompactionLagMs !== undefined) checkPeriod('minimum compaction lag', change.minCompactionLagMs, 0)
  if (change.retentionMs !== undefined) checkRetention(change.retentionMs, limits)
  if (settings.cleanup !== 'compact' || settings.retentionMs === null) return settings
  if (typeof change.retentionMs === 'number') {
    throw new EhubError(
      'argument-error',
      `a retention of ${formatDuration(change.retentionMs)} does not go with cleanup "compact", which keeps the newest event of each key for ever`,
      { hint: 'use cleanup "delete-or-compact" for both' },
    )
  }
  return { ...settings, retentionMs: null }
}

function checkRetention(retentionMs: number | null, { tier, retentionMsMax }: TierLimits): void {
  if (retentionMs !== null) checkPeriod('retention', retentionMs, retentionMsMin)
  if (retentionMsMax === null) return
  // As the service's -1: for ever, but in Basic.
  const isTooLong = retentionMs === null ? tier === 'basic' : retentionMs > retentionMsMax
  if (!isTooLong) return
  const asked = retentionMs === null ? 'without end' : `of ${formatDuration(retentionMs)}`
  throw new EhubError(
    'argument-out-of-range',
    `a retention ${asked} is longer than tier "${tier}" keeps events: ${formatDuration(retentionMsMax)}`,
    { hint: 'start the daemon with --tier premium (90d) or --tier unlimited' },
  )
}

function checkPeriod(what: string, ms: number, min: number): void {
  if (Number.isSafeInteger(ms) && ms >= min && ms <= periodMsMax) return
  throw new EhubError(
    'argument-out-of-range',
    `a ${what} of ${ms} ms is not possible: it is from ${min} ms to ${periodMsMax / dayMs} days`,
  )
}
