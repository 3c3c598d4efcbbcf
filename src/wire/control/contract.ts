// The control API: what each operation is asked and answers. Routes and fields are in `routes.ts`.
// HTTP with JSON bodies over a Unix socket; the socket's folder is private, its permissions are the authentication.
// `:name` segments are percent-encoded path parameters; GET parameters travel in the query, the others in the body.

import type { EhubErrorCode } from '../../base/error.ts'
import type { CaptureOperations } from './capture-contract.ts'
import type { LagSnapshot } from '../lag/snapshot.ts'

export interface PortsInfo {
  /** null: not listening. */
  readonly amqp: number | null
  readonly amqps: number | null
  /** HTTPS with AMQP over WebSockets. */
  readonly https: number | null
  /** Health and metrics over HTTP. */
  /** Checkpoints in blobs over HTTP. */
  readonly blob: number | null
  readonly health: number | null
}

export interface StatusReply {
  readonly pid: number
  readonly version: string
  readonly startedAtMs: number
  readonly dataFolder: string | null
  readonly durability: string
  readonly tier: string
  readonly bind: string
  readonly ports: PortsInfo
  readonly hubs: number
  readonly connections: number
  readonly rssBytes: number
  readonly storedBytes: number
  /** Certificate of the local authority, for clients that use TLS; null when none was needed. */
  readonly caFile: string | null
  readonly logFile: string | null
  readonly warnings: readonly string[]
  /** How far the daemon's clock is ahead of the machine's; not 0 only when it was moved. */
  readonly clockAheadMs: number
}

/** As `HubSettings` of the broker, in JSON. */
export interface HubSettingsReply {
  /** null: for ever. */
  readonly retentionMs: number | null
  readonly cleanup: string
  readonly tombstoneRetentionMs: number
  readonly minCompactionLagMs: number
}

export interface HubReply extends HubSettingsReply {
  readonly name: string
  readonly createdAtMs: number
  readonly partitionCount: number
  readonly durability: string
  readonly groups: readonly string[]
  readonly events: number
  readonly storedBytes: number
}

/** What was removed of a partition. */
export interface TrimReply {
  readonly partition: number
  readonly events: number
  readonly bytes: number
  /** Kept from here on because Capture has not written it yet; null: nothing is held. */
  readonly heldFrom: number | null
}

/** Why events do not expire by the wall clock at present. */
export interface ClockDoubtReply {
  readonly aheadMs: number
  readonly waitsMs: number
}

/** One run of compaction over a partition, as far as it is. */
export interface CompactionReply {
  readonly partition: number
  readonly isDone: boolean
  /** Sequences that were to be cleaned, the end exclusive, and up to where they are. */
  readonly fromSequence: number
  readonly toSequence: number
  readonly cleanSequence: number
  readonly passes: number
  /** Segments looked at, left alone because of damage, rewritten, and what they became. */
  readonly segments: number
  readonly segmentsSkipped: number
  readonly segmentsRewritten: number
  readonly segmentsWritten: number
  readonly eventsKept: number
  readonly eventsRemoved: number
  readonly bytesBefore: number
  readonly bytesAfter: number
}

export interface ClockReply {
  /** `adjustable`: `ehub clock` moves it. */
  readonly mode: 'system' | 'adjustable'
  readonly nowMs: number
  /** How far it is ahead of the machine's clock. */
  readonly aheadMs: number
  readonly isFrozen: boolean
  /** Why retention does not go by it at present; null when it does. */
  readonly doubt: ClockDoubtReply | null
}

export interface PartitionReply {
  readonly partition: number
  readonly beginSequence: number
  readonly lastSequence: number
  readonly lastOffset: string
  readonly lastEnqueuedTimeMs: number | null
  readonly isEmpty: boolean
  readonly storedBytes: number
}

export interface ReceiverReply {
  readonly id: number
  readonly hub: string
  readonly group: string
  readonly partition: number
  readonly name: string | null
  readonly origin: string
  readonly ownerLevel: number | null
  readonly credit: number
  readonly deliveredCount: number
  readonly nextSequence: number
  readonly openedAtMs: number
}

export interface HubDetailsReply extends HubReply {
  readonly partitions: readonly PartitionReply[]
  readonly receivers: readonly ReceiverReply[]
}

export interface RuleReply {
  readonly name: string
  readonly rights: readonly string[]
  readonly primaryKey: string
  readonly secondaryKey: string
}

export interface StorageAccountReply {
  readonly name: string
  /** Base64. */
  readonly key: string
}

export interface CheckpointReply {
  readonly hub: string
  readonly group: string
  readonly partition: number
  /** `$daemon`, or the container of the blob that it is. */
  readonly store: string
  readonly sequence: number
  readonly offset: string
  readonly enqueuedTimeMs: number | null
  readonly owner: string | null
  readonly updatedAtMs: number
  readonly etag: string
}

/** One of many to be set. */
export interface CheckpointRequest {
  readonly partition: number
  readonly sequence: number
  readonly offset?: string
}

export interface CheckpointRefusal {
  readonly partition: number
  readonly code: EhubErrorCode
  readonly message: string
}

export interface OwnershipReply {
  readonly hub: string
  readonly group: string
  readonly partition: number
  readonly store: string
  /** null: given back. */
  readonly owner: string | null
  readonly updatedAtMs: number
  readonly etag: string
}

/** A lag that held from this moment until the next sample. */
export interface LagSample {
  readonly atMs: number
  readonly lag: number
}

export interface VerifyReply {
  readonly events: number
  readonly bytes: number
  readonly problems: readonly {
    readonly kind: string
    readonly fromSequence: number
    /** Exclusive. */
    readonly toSequence: number
    readonly detail: string
  }[]
  readonly next: { readonly sequence: number; readonly offset: number; readonly timeMs: number }
  readonly endSequence: number
}

/** One thing looked at, and what to do when it is not well. */
export interface FindingReply {
  readonly check: string
  readonly level: 'ok' | 'warning' | 'error'
  readonly detail: string
  readonly fix: string | null
}

/** As `StartPosition` of the broker, in JSON. */
export type PositionRequest =
  | { readonly kind: 'beginning' }
  | { readonly kind: 'end'; readonly isInclusive: boolean }
  | { readonly kind: 'sequence'; readonly sequence: number; readonly isInclusive: boolean }
  | { readonly kind: 'offset'; readonly offset: number; readonly isInclusive: boolean }
  | { readonly kind: 'time'; readonly timeMs: number; readonly isInclusive: boolean }

/** Every error answer: HTTP status from the projection table, and this body. */
export interface ErrorReply {
  readonly error: {
    readonly code: EhubErrorCode
    readonly message: string
    readonly hint?: string
    readonly retryAfterMs?: number
  }
}

/** Request and reply types of each operation; the routes below must have exactly these keys. */
export interface ControlOperations extends CaptureOperations {
  status: { request: Record<never, never>; reply: StatusReply }
  shutdown: { request: { readonly graceMs?: number }; reply: Record<never, never> }
  listHubs: { request: Record<never, never>; reply: { readonly hubs: readonly HubReply[] } }
  createHub: {
    request: {
      readonly hub: string
      readonly partitionCount?: number
      readonly durability?: string
      readonly groups?: readonly string[]
      readonly ifNotExists?: boolean
    } & Partial<HubSettingsReply>
    reply: HubReply
  }
  /** What is not named stays as it is. */
  updateHub: {
    request: { readonly hub: string; readonly partitionCount?: number } & Partial<HubSettingsReply>
    reply: HubReply
  }
  /** Removes what has expired now. */
  expireHub: {
    request: {
      readonly hub: string
      /** A person says so: a clock that jumped ahead is believed. */
      readonly isClockRight?: boolean
    }
    reply: { readonly partitions: readonly TrimReply[]; readonly doubt: ClockDoubtReply | null }
  }
  /** Begins a compaction unless one is under way and tells after a moment how far it is: ask until `isDone`. */
  compactPartition: {
    request: { readonly hub: string; readonly partition: number }
    reply: CompactionReply
  }
  /** Removes the events before `sequence`, whatever their age. */
  purgePartition: {
    request: { readonly hub: string; readonly partition: number; readonly sequence: number }
    reply: TrimReply
  }
  describeHub: { request: { readonly hub: string }; reply: HubDetailsReply }
  deleteHub: { request: { readonly hub: string }; reply: Record<never, never> }
  createGroup: {
    request: { readonly hub: string; readonly group: string; readonly ifNotExists?: boolean }
    reply: Record<never, never>
  }
  deleteGroup: { request: { readonly hub: string; readonly group: string }; reply: Record<never, never> }
  listRules: { request: Record<never, never>; reply: { readonly rules: readonly RuleReply[] } }
  /** The account of the blob endpoint. */
  storageAccount: { request: Record<never, never>; reply: StorageAccountReply }
  listReceivers: { request: { readonly hub?: string }; reply: { readonly receivers: readonly ReceiverReply[] } }
  kickReceiver: { request: { readonly id: number }; reply: Record<never, never> }
  listCheckpoints: {
    /** `store`: `$daemon` or a container; not given: where one of this group was written last. */
    request: { readonly hub: string; readonly group: string; readonly store?: string }
    reply: { readonly checkpoints: readonly CheckpointReply[] }
  }
  listOwners: {
    /** `store` not given: every one. */
    request: { readonly hub: string; readonly group: string; readonly store?: string }
    /** `nowMs`: of the daemon's clock, by which claims lapse. */
    reply: { readonly owners: readonly OwnershipReply[]; readonly nowMs: number }
  }
  /** Claims, renews or gives back a partition, as one compare-and-set. */
  claimOwnership: {
    request: {
      readonly hub: string
      readonly group: string
      readonly partition: number
      /** Not given or null: given back. */
      readonly owner?: string | null
      readonly ifMatch?: string | null
      /** Not given: `$daemon`. */
      readonly store?: string
    }
    reply: OwnershipReply
  }
  setCheckpoint: {
    request: {
      readonly hub: string
      readonly group: string
      readonly partition: number
      readonly sequence: number
      readonly offset?: string
      readonly owner?: string
      readonly ifMatch?: string | null
      readonly store?: string
      /** Moved by a person: a step back is then a warning for a while instead of an error. */
      readonly isDeliberate?: boolean
    }
    reply: CheckpointReply
  }
  /** Many at once, in one commit; each is done or refused for itself. At most 5,000. */
  setCheckpoints: {
    request: {
      readonly hub: string
      readonly group: string
      readonly checkpoints: readonly CheckpointRequest[]
      readonly owner?: string
      readonly store?: string
      readonly isDeliberate?: boolean
    }
    reply: { readonly refused: readonly CheckpointRefusal[] }
  }
  clearCheckpoint: {
    request: { readonly hub: string; readonly group: string; readonly partition: number; readonly store?: string }
    reply: Record<never, never>
  }
  /** Taken anew when `isFresh`, else as of the daemon's last look. */
  lag: { request: { readonly hub?: string; readonly group?: string; readonly isFresh?: boolean }; reply: LagSnapshot }
  lagHistory: {
    request: { readonly hub: string; readonly group: string; readonly partition: number; readonly fromMs: number }
    reply: { readonly samples: readonly LagSample[] }
  }
  /** One step of a check of everything stored in a partition; give back `next` of the step before. */
  verifyPartition: {
    request: {
      readonly hub: string
      readonly partition: number
      readonly sequence?: number
      readonly offset?: number
      readonly timeMs?: number
    }
    reply: VerifyReply
  }
  showClock: { request: Record<never, never>; reply: ClockReply }
  /** Answers when what came due by it has run. */
  moveClock: {
    request: {
      /** `set` lets time pass until `timeMs` or goes back; `jump` goes there without; `advance` lets `byMs` pass; `freeze`; `resume`. */
      readonly action: string
      readonly timeMs?: number
      readonly byMs?: number
    }
    reply: ClockReply
  }
  /** The daemon looks at itself. */
  diagnose: { request: Record<never, never>; reply: { readonly findings: readonly FindingReply[] } }
  resolvePosition: {
    request: { readonly hub: string; readonly partition: number; readonly position: PositionRequest }
    reply: { readonly sequence: number }
  }
}

export type ControlOperation = keyof ControlOperations
export type ControlRequest<O extends ControlOperation> = ControlOperations[O]['request']
export type ControlReply<O extends ControlOperation> = ControlOperations[O]['reply']
