// A hub's settings on the command line: the same flags and the same words in every command.

import { Flags } from '@oclif/core'
import { formatDuration, parseDuration } from '../base/duration.ts'
import { EhubError } from '../base/error.ts'
import type { HubSettingsReply } from '../wire/control/contract.ts'

/** Keeps events for ever. */
const never = 'never'

export const hubSettingFlags = {
  retention: Flags.string({
    summary: 'How long events are kept: 7d, 12h, 90s or never.',
    helpValue: 'DUR|never',
  }),
  cleanup: Flags.string({
    summary: 'Old events are deleted, or compacted to the newest of each key, or both.',
    options: ['delete', 'compact', 'delete-or-compact'],
    helpValue: 'POLICY',
  }),
  'tombstone-retention': Flags.string({
    summary: 'How long the marker of a deleted key stays readable in a compacted hub.',
    helpValue: 'DUR',
  }),
  'min-compaction-lag': Flags.string({
    summary: 'How long an event is left alone by compaction.',
    helpValue: 'DUR',
  }),
}

interface HubSettingFlags {
  readonly retention?: string | undefined
  readonly cleanup?: string | undefined
  readonly 'tombstone-retention'?: string | undefined
  readonly 'min-compaction-lag'?: string | undefined
}

/** The settings that were given. @throws EhubError `usage` naming flag and value. */
export function readHubSettings(flags: HubSettingFlags): Partial<HubSettingsReply> {
  const { retention, cleanup, 'tombstone-retention': tombstones, 'min-compaction-lag': lag } = flags
  return {
    ...(retention === undefined ? {} : { retentionMs: retention === never ? null : period('retention', retention) }),
    ...(cleanup === undefined ? {} : { cleanup }),
    ...(tombstones === undefined ? {} : { tombstoneRetentionMs: period('tombstone-retention', tombstones) }),
    ...(lag === undefined ? {} : { minCompactionLagMs: period('min-compaction-lag', lag) }),
  }
}

/** One line a setting; those of compaction only where it happens. */
export function hubSettingPairs(hub: HubSettingsReply): readonly (readonly [string, string])[] {
  const pairs: (readonly [string, string])[] = [
    ['retention', retentionText(hub.retentionMs)],
    ['cleanup', hub.cleanup],
  ]
  if (hub.cleanup === 'delete') return pairs
  return [
    ...pairs,
    ['tombstones', formatDuration(hub.tombstoneRetentionMs)],
    ['compaction lag', formatDuration(hub.minCompactionLagMs)],
  ]
}

export function retentionText(retentionMs: number | null): string {
  return retentionMs === null ? never : formatDuration(retentionMs)
}

function period(flag: string, text: string): number {
  try {
    return parseDuration(text)
  } catch (error) {
    throw new EhubError('usage', `--${flag} "${text}" is not a duration`, {
      hint: `Write for example 90s, 12h or 7d${flag === 'retention' ? ', or never' : ''}.`,
      cause: error,
    })
  }
}
