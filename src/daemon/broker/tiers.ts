// Limits of the service's tiers, as far as the broker enforces them. Source: Event Hubs quota page.
// Differs from Azure: every tier takes hubs of up to 1,024 partitions (Dedicated's limit), since a local hub costs nothing.

export type Tier = 'basic' | 'standard' | 'premium' | 'unlimited'

export interface TierLimits {
  readonly tier: Tier
  /** Largest publication (one event or one batch) in bytes, as the client sends it. */
  readonly publicationBytesMax: number
  /** Consumer groups of a hub, `$Default` included. */
  readonly groupsMax: number
  /** Longest time events are kept, milliseconds; null: any. */
  readonly retentionMsMax: number | null
  /** Of a hub that does not say. */
  readonly retentionMsDefault: number
  readonly hasCompaction: boolean
}

const kib = 1024
export const dayMs = 86_400_000

export const tiers = {
  basic: {
    tier: 'basic',
    publicationBytesMax: 256 * kib,
    groupsMax: 1,
    retentionMsMax: dayMs,
    retentionMsDefault: dayMs,
    hasCompaction: false,
  },
  standard: {
    tier: 'standard',
    publicationBytesMax: 1024 * kib,
    groupsMax: 20,
    retentionMsMax: 7 * dayMs,
    retentionMsDefault: 7 * dayMs,
    hasCompaction: true,
  },
  premium: {
    tier: 'premium',
    publicationBytesMax: 1024 * kib,
    groupsMax: 100,
    retentionMsMax: 90 * dayMs,
    retentionMsDefault: 7 * dayMs,
    hasCompaction: true,
  },
  unlimited: {
    tier: 'unlimited',
    publicationBytesMax: 1024 * kib,
    groupsMax: 1000,
    retentionMsMax: null,
    retentionMsDefault: 7 * dayMs,
    hasCompaction: true,
  },
} as const satisfies Record<Tier, TierLimits>

export const partitionsMax = 1024
export const partitionsDefault = 4
/** Dedicated's hubs per namespace: bounds what a caller with `manage` can make us keep. */
export const hubsMax = 1000
/** Non-exclusive receivers of one partition in one consumer group. */
export const receiversMax = 5
export const partitionKeyLengthMax = 128
