// Limits of the service's tiers, as far as the broker enforces them. Source: Event Hubs quota page.
// Differs from Azure: every tier takes hubs of up to 1,024 partitions (Dedicated's limit), since a local hub costs nothing.

import type { Tier } from './broker-api.ts'

export interface TierLimits {
  /** Largest publication (one event or one batch) in bytes, as the client sends it. */
  readonly publicationBytesMax: number
  /** Consumer groups of a hub, `$Default` included. */
  readonly groupsMax: number
}

const kib = 1024

export const tiers = {
  basic: { publicationBytesMax: 256 * kib, groupsMax: 1 },
  standard: { publicationBytesMax: 1024 * kib, groupsMax: 20 },
  premium: { publicationBytesMax: 1024 * kib, groupsMax: 100 },
  unlimited: { publicationBytesMax: 1024 * kib, groupsMax: 1000 },
} as const satisfies Record<Tier, TierLimits>

export const partitionsMax = 1024
export const partitionsDefault = 4
/** Dedicated's hubs per namespace: bounds what a caller with `manage` can make us keep. */
export const hubsMax = 1000
/** Non-exclusive receivers of one partition in one consumer group. */
export const receiversMax = 5
export const partitionKeyLengthMax = 128
