// What the broker keeps: the sum of the records of `$state`. Only `apply.ts` changes it. Maps are keyed by `entityKey` of the
// names, since names that differ in case are the same entity; values keep the names as they were given.

import type { Durability } from '../storage/storage-engine.ts'
import { emptyStorage, type StorageState } from './blob-state.ts'
import type { AuthorizationRule } from './broker-api.ts'
import type { CompactionProgress } from './compactions-api.ts'
import type { HubSettings } from './settings.ts'
import type { CaptureState } from './capture-state.ts'

export interface CheckpointState {
  readonly sequence: number
  readonly offset: number
  readonly enqueuedTimeMs: number | null
  readonly owner: string | null
  readonly updatedAtMs: number
  /** From one counter for all etags, so that an etag never comes back. */
  readonly revision: number
}

/** A claim of a partition in the daemon's own store. */
export interface OwnershipState {
  /** Empty: given back. */
  readonly owner: string
  readonly updatedAtMs: number
  /** From the counter of all etags. */
  readonly revision: number
}

export interface GroupState {
  readonly name: string
  readonly createdAtMs: number
  readonly checkpoints: Map<number, CheckpointState>
  readonly owners: Map<number, OwnershipState>
}

export interface HubState {
  readonly number: number
  /** Group of its logs in the engine: made of numbers, never of names. */
  readonly folder: string
  readonly namespace: NamespaceState
  readonly name: string
  /** Only grows. */
  partitionCount: number
  readonly durability: Durability
  readonly createdAtMs: number
  settings: HubSettings
  /** How far partitions are compacted, by index. */
  readonly compactions: Map<number, CompactionProgress>
  readonly groups: Map<string, GroupState>
}

export interface NamespaceState {
  readonly number: number
  readonly name: string
  readonly createdAtMs: number
  readonly hubs: Map<string, HubState>
  readonly rules: Map<string, AuthorizationRule>
}

export interface BrokerState {
  readonly namespaces: Map<string, NamespaceState>
  readonly namespacesByNumber: Map<number, NamespaceState>
  readonly hubsByNumber: Map<number, HubState>
  /** Folders of deleted hubs whose logs are still to be removed, by the hub's number. */
  readonly removing: Map<number, string>
  readonly storage: StorageState
  /** By the number of the hub, which exists. */
  readonly captures: Map<number, CaptureState>
  /** Unix milliseconds of the time retention believed last; null: never noted. */
  believedMs: number | null
  /** Highest number ever given to a namespace or hub. */
  lastNumber: number
  /** Highest revision ever given to a checkpoint, owner, container or blob. */
  lastRevision: number
}

export function emptyState(): BrokerState {
  return {
    namespaces: new Map(),
    namespacesByNumber: new Map(),
    hubsByNumber: new Map(),
    removing: new Map(),
    storage: emptyStorage(),
    captures: new Map(),
    believedMs: null,
    lastNumber: 0,
    lastRevision: 0,
  }
}

/** Group of a hub's logs: `ns1/h2`. */
export function hubFolder(namespaceNumber: number, hubNumber: number): string {
  return `ns${namespaceNumber}/h${hubNumber}`
}
