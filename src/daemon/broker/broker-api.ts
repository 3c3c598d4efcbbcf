// What the protocols know of the broker. One API under every protocol (decision D8): adapters translate and decide
// nothing. Every method checks the caller's rights itself and throws only `EhubError`.
//
// Concurrency: one event loop; every method may be called at any time. What returns synchronously has no effect on disk.

import type { EhubError } from '../../base/error.ts'
import type { Batch, Durability, LogStatistics } from '../storage/storage-engine.ts'
import type { Blobs } from './blobs-api.ts'
import type { CompactionStatus, CompactionStep } from './compactions-api.ts'
import type { BrokerFigures } from './figures.ts'
import type { HubSettings } from './settings.ts'
import type { Captures } from './captures-api.ts'
import type { RetentionStatus, TrimReport } from './retentions-api.ts'

export type Right = 'send' | 'listen' | 'manage'

// ---------------------------------------------------------------- who is asking

/**
 * Who is behind a connection, and what it may do at this moment. Rights may grow (another token) and lapse (expiry).
 * `manage` includes the other two.
 */
export interface Caller {
  /** For logs and traces: rule name or `anonymous`. */
  readonly name: string
  readonly namespace: string
  /** @param path Entity path without slashes at the ends, e.g. `orders/consumergroups/g1/partitions/0`; case-insensitive. */
  can(right: Right, path: string): boolean
  /** Calls `run` when a right this caller had lapses (a token expired unrenewed), until `stop` is called. */
  whenRightsLapse(run: () => void): { stop(): void }
  /** Stops timers; a closed caller has no rights. */
  close(): void
}

/** A caller that starts without rights and gains them token by token, as an AMQP connection does through $cbs. */
export interface TokenCaller extends Caller {
  /**
   * Verifies and keeps a token; a new one for the same audience replaces the old.
   * @param audience URI or path as the client sent it; scheme, port, case and trailing slash are ignored.
   * @param token `SharedAccessSignature sr=…&sig=…&se=…&skn=…`, as transmitted.
   * @throws EhubError `token-invalid`, `token-expired`, `argument-error`, `not-supported` (a kind we do not know).
   */
  putToken(audience: string, kind: string, token: string): { readonly expiresAtMs: number }
}

// ---------------------------------------------------------------- publishing

/** A publication as the adapters hand it over: data sections as on the wire, see docs/FORMAT.md on the `amqp` encoding. */
export interface Publication {
  /** `[batch annotations section] data-section+`, valid only during the call: the broker copies what it keeps. */
  readonly payload: Buffer
  readonly count: number
  /** Decides the partition on a hub-level publisher; at most 128 characters. */
  readonly partitionKey: string | null
}

/**
 * The fate of everything published to one partition in one turn. One object is shared by all of them, so that a link can
 * answer whole ranges at once.
 */
export interface PublishGroup {
  readonly partition: number
  /** `null` while in flight, then whether it is durable or why not. */
  readonly outcome: 'stored' | EhubError | null
  /** Calls `run` once the outcome is known; never synchronously inside `publish`. */
  whenSettled(run: (outcome: 'stored' | EhubError) => void): void
}

export interface Receipt {
  readonly group: PublishGroup
  /** Sequence number and offset of the publication's first event. Seen by readers only once the group is stored. */
  readonly sequence: number
  readonly offset: number
  readonly enqueuedTimeMs: number
}

export interface Publisher {
  readonly hub: string
  /** Largest publication in bytes, as the client sends it (AMQP message size). */
  readonly publicationBytesMax: number
  /**
   * Copies the publication into its partition's open group. Synchronous and cheap; call `Broker.flush` at the end of the
   * turn (the AMQP server: at the end of a socket's read callback), else the group leaves on the next microtask turn.
   * @throws EhubError `event-too-large`, `argument-error`, `server-busy` (bytes in flight above the limit; wait for
   *   `whenWritable`), `unauthorized` (the right lapsed), `hub-not-found` (deleted meanwhile), storage's errors.
   */
  publish(publication: Publication): Receipt
  /** Bytes in flight are below the limit: safe to grant credit and to read on. */
  readonly isWritable: boolean
  whenWritable(run: () => void): void
  /** Calls `run` with the reason when the publisher loses its ground: hub deleted, right lapsed, daemon stopping. */
  onDetached(run: (reason: EhubError) => void): void
  close(): void
}

// ---------------------------------------------------------------- receiving

/** Where a reader wants to begin. Rules of the boundaries: reference/amqp.md §4.2. */
export type StartPosition =
  | { readonly kind: 'beginning' }
  /** Only what is enqueued after the receiver was opened. `isInclusive`: the last stored event first. */
  | { readonly kind: 'end'; readonly isInclusive: boolean }
  | { readonly kind: 'sequence'; readonly sequence: number; readonly isInclusive: boolean }
  | { readonly kind: 'offset'; readonly offset: number; readonly isInclusive: boolean }
  | { readonly kind: 'time'; readonly timeMs: number; readonly isInclusive: boolean }

export interface ReceiverOptions {
  readonly hub: string
  readonly group: string
  /** Text as the client sent it; checked by the broker. */
  readonly partition: string
  readonly position: StartPosition
  /** Event Hubs' epoch, 0..2^63-1 within safe integers; null: shared. */
  readonly ownerLevel: number | null
  /** The client's name for itself; null shows as `nil` in the limit's error. */
  readonly name: string | null
  /** What a person sees in `list-receivers`: container id, remote address. */
  readonly origin: string
}

export interface RuntimeMetric {
  /** -1 when nothing was ever stored. */
  readonly lastSequence: number
  /** -1 when nothing was ever stored. */
  readonly lastOffset: number
  readonly lastEnqueuedTimeMs: number | null
  readonly retrievedAtMs: number
}

/** One reader of one partition. Starts delivering from its position; the adapter moves it on with `next`. */
export interface Receiver {
  readonly hub: string
  /** Canonical names, as stored. */
  readonly group: string
  readonly partition: number
  /** First sequence still to be handed over. An event below it in a batch returned by `next` must be skipped. */
  readonly nextSequence: number
  /**
   * Batches at `nextSequence` and after, then moves behind the last of them. Synchronous from the tail cache, else a promise;
   * empty when there is nothing now. At most one call at a time. The adapter must hand over every event it is given, in
   * order, or close the receiver; when it stops early it calls `rewind`. Once it is detached nothing is handed over any more: a
   * result still on its way arrives empty.
   * @param maxBytes Payload bytes; at least one batch is returned when there is one.
   * @throws EhubError (also as rejection) `receiver-stolen`, `storage-corrupt`, `unauthorized`, `hub-not-found`.
   */
  next(maxBytes: number): readonly Batch[] | Promise<readonly Batch[]>
  /** Moves back to `sequence`, at most to where the last `next` began. */
  rewind(sequence: number): void
  /** Calls `run` once when there is something at `nextSequence`. At most one waiter; a second call replaces the first. */
  whenReady(run: () => void): void
  metric(): RuntimeMetric
  /** Calls `run` when the broker ends this receiver: displaced, hub deleted, right lapsed, kicked, daemon stopping. */
  onDetached(run: (reason: EhubError) => void): void
  /** What the adapter last did, for `list-receivers`. */
  report(credit: number, deliveredCount: number): void
  close(): void
}

// ---------------------------------------------------------------- entities

export interface HubDescription extends HubSettings {
  readonly name: string
  /** Internal id; names folders. */
  readonly id: string
  readonly createdAtMs: number
  readonly partitionCount: number
  readonly durability: Durability
  readonly groups: readonly string[]
}

export interface PartitionDescription {
  readonly hub: string
  readonly partition: number
  /** First readable sequence; 0 on a never-used partition, last + 1 when everything was trimmed. */
  readonly beginSequence: number
  /** -1 when nothing was ever stored. */
  readonly lastSequence: number
  readonly lastOffset: number
  readonly lastEnqueuedTimeMs: number | null
  readonly isEmpty: boolean
  readonly storedBytes: number
}

export interface AuthorizationRule {
  readonly name: string
  readonly rights: readonly Right[]
  readonly primaryKey: string
  readonly secondaryKey: string
}

export interface Checkpoint {
  readonly hub: string
  readonly group: string
  readonly partition: number
  /** `$daemon`, or the container of the blob that it is. */
  readonly store: string
  /** Of the last event handled. */
  readonly sequence: number
  /** -1 when a blob does not say. */
  readonly offset: number
  /** null when not known, as of every blob. */
  readonly enqueuedTimeMs: number | null
  readonly owner: string | null
  readonly updatedAtMs: number
  /** Changes with every write; for compare-and-set. */
  readonly etag: string
}

export interface CheckpointWrite {
  readonly sequence: number
  /** Looked up from the log when not given. */
  readonly offset?: number
  readonly owner?: string
  /** Only when the stored one has this etag; `null`: only when there is none; not given: whatever is there. */
  readonly ifMatch?: string | null
  /** Where: `$daemon` or a container; not given: where one of this group was written last. */
  readonly store?: string
}

/** Which processor says that a partition is its own. It lapses when it is not renewed for as long as the processors agreed on. */
export interface Ownership {
  readonly hub: string
  readonly group: string
  readonly partition: number
  readonly store: string
  /** null: given back. */
  readonly owner: string | null
  readonly updatedAtMs: number
  readonly etag: string
}

export interface OwnershipClaim {
  /** null: gives the partition back. */
  readonly owner: string | null
  /** As of a checkpoint. */
  readonly ifMatch?: string | null
  /** `$daemon`, also when not given, or a container. */
  readonly store?: string
}

export interface ReceiverDescription {
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

/** What is not named stays as it is. */
export interface HubChange extends Partial<HubSettings> {
  /** Only up, to at most 1,024. */
  readonly partitionCount?: number
}

/** Settings not named are the tier's defaults: kept for seven days (one in Basic), cleanup `delete`. */
export interface CreateHub extends Partial<HubSettings> {
  readonly name: string
  /** 1..1024, default 4. */
  readonly partitionCount?: number
  readonly durability?: Durability
  readonly groups?: readonly string[]
  /** An existing hub of the same shape is returned instead of `hub-exists`. */
  readonly ifNotExists?: boolean
}

/** What does not hold in a stretch of a partition, `toSequence` exclusive. */
export interface VerifyProblem {
  readonly kind: 'damage' | 'gap' | 'order' | 'time' | 'count'
  readonly fromSequence: number
  readonly toSequence: number
  readonly detail: string
}

export interface VerifyStep {
  readonly events: number
  /** Payload bytes looked at. */
  readonly bytes: number
  readonly problems: readonly VerifyProblem[]
  /** Where the next step goes on. */
  readonly next: { readonly sequence: number; readonly offset: number; readonly timeMs: number }
  /** The end at this moment; done when `next.sequence` has reached it. */
  readonly endSequence: number
}

export interface Retentions {
  /**
   * Removes what has expired now.
   * @param isClockRight A person says so: a clock that jumped ahead is believed.
   * @throws EhubError `unauthorized`, `hub-not-found`, storage's errors.
   */
  expire(caller: Caller, hub: string, isClockRight: boolean): Promise<readonly TrimReport[]>
  /**
   * Removes the events before `sequence`, whatever their age.
   * @throws EhubError as `expire`, `partition-not-found`, `position-out-of-range` beyond the next event to come.
   */
  purge(caller: Caller, hub: string, partition: number, sequence: number): Promise<TrimReport>
  /** Makes exact what `describePartition` says of the beginning, of one partition or (null) all, of one hub or (null) all. */
  look(caller: Caller, hub: string | null, partition: string | null): Promise<void>
  status(caller: Caller): RetentionStatus
}

export interface Compactions {
  /**
   * Begins a compaction of the partition unless one is under way, and tells how far it is: at once when it is done, otherwise after a
   * moment. Ask again until it is.
   * @throws EhubError `unauthorized`, `hub-not-found`, `partition-not-found`, `not-allowed` for a hub that is not compacted, storage's
   *   errors, with which it has ended.
   */
  run(caller: Caller, hub: string, partition: number): Promise<CompactionStep>
  status(caller: Caller): CompactionStatus
}

export interface Broker {
  // Ways in. `namespace`: '' or anything local means the default namespace.
  anonymousCaller(namespace: string): TokenCaller
  /** @throws EhubError `unauthorized` for an unknown rule or a wrong key; both keys are tried in constant time. */
  plainCaller(namespace: string, ruleName: string, key: string): Caller
  /** Full rights; only for the control socket, which trusts its file permissions, and for the daemon itself. */
  ownerCaller(namespace: string): Caller

  openPublisher(caller: Caller, hub: string, partition: string | null): Publisher
  openReceiver(caller: Caller, options: ReceiverOptions): Receiver
  /** Hands the open groups of this turn to storage. */
  flush(): void

  readonly blobs: Blobs
  /** Counted since the start, for metrics. */
  readonly figures: BrokerFigures
  readonly captures: Captures
  readonly retention: Retentions
  readonly compaction: Compactions

  // Reading entities needs any right on them; the others need `manage`.
  describeHub(caller: Caller, hub: string): HubDescription
  /** Its beginning is exact after `retention.look`, otherwise as it was found last: up to a minute old. */
  describePartition(caller: Caller, hub: string, partition: string): PartitionDescription
  listHubs(caller: Caller): readonly HubDescription[]
  createHub(caller: Caller, command: CreateHub): Promise<HubDescription>
  /** @throws EhubError `not-allowed`, `argument-error`, `argument-out-of-range` by the limits of the tier. */
  updateHub(caller: Caller, hub: string, change: HubChange): Promise<HubDescription>
  deleteHub(caller: Caller, hub: string): Promise<void>
  createGroup(caller: Caller, hub: string, group: string, ifNotExists: boolean): Promise<void>
  deleteGroup(caller: Caller, hub: string, group: string): Promise<void>
  listRules(caller: Caller): readonly AuthorizationRule[]
  listReceivers(caller: Caller, hub: string | null): readonly ReceiverDescription[]
  kickReceiver(caller: Caller, id: number): void

  /** @param store Not given: where one of this group was written last. */
  checkpoints(caller: Caller, hub: string, group: string, store?: string): readonly Checkpoint[]
  /** @param store Not given: every one. */
  owners(caller: Caller, hub: string, group: string, store?: string): readonly Ownership[]
  /** Claims, renews or gives back a partition. @throws EhubError `ownership-conflict`, `container-not-found`. */
  claimOwnership(
    caller: Caller,
    hub: string,
    group: string,
    partition: number,
    claim: OwnershipClaim,
  ): Promise<Ownership>
  setCheckpoint(
    caller: Caller,
    hub: string,
    group: string,
    partition: number,
    write: CheckpointWrite,
  ): Promise<Checkpoint>
  clearCheckpoint(caller: Caller, hub: string, group: string, partition: number, store?: string): Promise<void>
  /** First sequence at or after the position: the next event a reader from there would get; `end` when none yet. */
  resolvePosition(caller: Caller, hub: string, partition: number, position: StartPosition): Promise<number>

  /** Enqueued time of the event at `sequence`, or of the first one after it; null when there is none yet. */
  enqueuedTimeOf(caller: Caller, hub: string, partition: number, sequence: number): Promise<number | null>

  /** One step of a check of everything stored; `from` is the `next` of the step before, null for the first. */
  verifyPartition(caller: Caller, hub: string, partition: number, from: VerifyStep['next'] | null): Promise<VerifyStep>
  /** Ranges of sequences that are known to be damaged, `to` exclusive. */
  damageOf(caller: Caller, hub: string, partition: number): LogStatistics['damaged']

  /** No new publishers or receivers; waits for what is in flight; detaches everybody with `shutting-down`. */
  drain(): Promise<void>
  close(): Promise<void>
}
