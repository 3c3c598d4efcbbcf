// The broker: Event Hubs' rules over a storage engine, for every protocol (API and promises: `broker-api.ts`). This file wires the
// parts and checks who may do what; each part knows its own rules. Deterministic for a given engine, clock and chance: it has no
// timers but the tokens' and no turns but microtasks.

import type { Clock } from '../../base/clock.ts'
import { EhubError } from '../../base/error.ts'
import type { Log } from '../../base/log.ts'
import type { Random } from '../../base/random.ts'
import { PayloadReader } from '../../wire/amqp/batch-payload.ts'
import { entityKey } from '../../wire/entity-names.ts'
import type { Durability, LogStatistics, StorageEngine } from '../storage/storage-engine.ts'
import { createAccount } from './blob-commands.ts'
import { StoredBlobs } from './blobs.ts'
import type { Blobs } from './blobs-api.ts'
import type * as api from './broker-api.ts'
import { BufferPool } from './buffer-pool.ts'
import { checkRight, ownerCaller, plainCaller } from './callers.ts'
import { HubCaptures } from './captures.ts'
import type { Captures } from './captures-api.ts'
import { Checkpoints } from './checkpoints.ts'
import { createNamespace, namespaceNamed } from './commands.ts'
import type { CompactionOptions } from './compaction.ts'
import { Entities } from './entities.ts'
import { shuttingDown, unauthorized } from './error-texts.ts'
import { InFlight } from './in-flight.ts'
import { InProgress } from './in-progress.ts'
import { OpenHubs } from './open-hubs.ts'
import { PartitionQueries } from './partition-queries.ts'
import { hubPath, namespacePath, publishPath, receivePath } from './paths.ts'
import { PartitionPublisher } from './publisher.ts'
import { Receivers } from './receivers.ts'
import { Retention } from './retention.ts'
import type { NamespaceState } from './state.ts'
import { StateJournal } from './state-journal.ts'
import { type Tier, type TierLimits, tiers } from './tiers.ts'
import { SasCaller } from './tokens.ts'
import { TrustedTime } from './trusted-time.ts'
import { Upkeep } from './upkeep.ts'
import { Turns } from './turns.ts'

const mib = 1024 * 1024

export interface BrokerOptions {
  /** Name of the default namespace, made at the first start; `local`. */
  readonly namespace?: string
  /** `standard`. */
  readonly tier?: Tier
  /** Of hubs that do not say; `sync`. */
  readonly durability?: Durability
  /** Size at which a partition's segment rolls; 64 MiB. */
  readonly segmentBytes?: number
  /** Memory and speed of compaction. */
  readonly compaction?: CompactionOptions
  /** Bytes on their way to storage, all together, at which senders pause; 64 MiB. */
  readonly inFlightBytesMax?: number
  /** The same of one partition; 8 MiB. */
  readonly partitionInFlightBytesMax?: number
  /** Bytes of state records after which `$state` is shortened; 4 MiB. */
  readonly snapshotEveryBytes?: number
}

export interface BrokerInput {
  readonly engine: StorageEngine
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly options?: BrokerOptions
}

/**
 * Replays the state, makes the default namespace with its `RootManageSharedAccessKey` at the first start, opens every log.
 * The engine stays the caller's to close, after the broker.
 * @throws EhubError storage's errors, `data-folder-newer`, `argument-error` for the namespace's name.
 */
export async function openBroker({ engine, clock, random, log, options = {} }: BrokerInput): Promise<api.Broker> {
  const { snapshotEveryBytes, namespace = 'local' } = options
  const journal = await StateJournal.open(
    engine,
    clock,
    log,
    snapshotEveryBytes === undefined ? {} : { snapshotEveryBytes },
  )
  // Before anything is written by what the clock says now.
  const stateTimeMs = journal.lastTimeMs
  const key = () => random.bytes(32).toString('base64')
  await journal.run(
    createNamespace(namespace, {
      name: 'RootManageSharedAccessKey',
      // As the service stores it: manage goes with the other two.
      rights: ['listen', 'manage', 'send'],
      primaryKey: key(),
      secondaryKey: key(),
    }),
  )
  await journal.run(createAccount({ name: 'ehub', key: random.bytes(64).toString('base64') }))
  const broker = new EventBroker({ engine, clock, random, log, options }, journal, namespace)
  await broker.start(stateTimeMs)
  return broker
}

class EventBroker implements api.Broker {
  readonly blobs: Blobs
  readonly figures: api.Broker['figures']
  readonly captures: Captures
  readonly retention: api.Retentions
  readonly compaction: api.Compactions
  readonly #clock: Clock
  readonly #journal: StateJournal
  readonly #defaultNamespace: string
  readonly #limits: TierLimits
  readonly #turns = new Turns()
  readonly #inFlight: InFlight
  readonly #hubs: OpenHubs
  readonly #receivers: Receivers
  readonly #entities: Entities
  readonly #checkpoints: Checkpoints
  readonly #queries: PartitionQueries
  readonly #inProgress = new InProgress()
  readonly #upkeep: Upkeep
  #drained: Promise<void> | null = null
  #closed: Promise<void> | null = null

  constructor(
    { engine, clock, random, log, options = {} }: BrokerInput,
    journal: StateJournal,
    defaultNamespace: string,
  ) {
    const inFlightBytesMax = options.inFlightBytesMax ?? 64 * mib
    this.#clock = clock
    this.#journal = journal
    this.#defaultNamespace = defaultNamespace
    this.#limits = tiers[options.tier ?? 'standard']
    this.#inFlight = new InFlight(inFlightBytesMax)
    this.#receivers = new Receivers(clock)
    this.figures = this.#receivers.figures
    const time = new TrustedTime(clock, log)
    const retention = new Retention({ clock, time, heldFrom: (hub, index) => this.captures.heldFrom(hub, index) })
    this.#hubs = new OpenHubs({
      engine,
      lines: log,
      segmentBytes: options.segmentBytes ?? 64 * mib,
      cutoff: (hub) => retention.cutoffOf(hub),
      context: {
        clock,
        figures: this.figures,
        pool: new BufferPool(inFlightBytesMax),
        reader: new PayloadReader(),
        inFlight: this.#inFlight,
        partitionBytesMax: options.partitionInFlightBytesMax ?? 8 * mib,
        // Nobody awaits an append: rejected and unhandled, the error ends the process as every bug does.
        onBug: (error) => void Promise.reject(error),
        becameDirty: (appender) => this.#turns.becameDirty(appender),
      },
    })
    this.#entities = new Entities({
      engine,
      journal,
      hubs: this.#hubs,
      receivers: this.#receivers,
      lines: log,
      limits: this.#limits,
      durability: options.durability ?? 'sync',
      changeRetention: (hub, retentionMs, change) => retention.changeTo(hub, retentionMs, change),
    })
    const places = {
      hubs: this.#hubs,
      inProgress: this.#inProgress,
      find: (namespace: string, hub: string) => this.#entities.find(namespace, hub),
    }
    this.#checkpoints = new Checkpoints(journal, this.#hubs)
    this.#queries = new PartitionQueries(places)
    this.blobs = new StoredBlobs(journal, this.#inProgress)
    this.captures = new HubCaptures({
      ...places,
      journal,
      tier: options.tier ?? 'standard',
      status: () => engine.status(),
    })
    const upkeep = { clock, random, lines: log, journal, time, retention, compaction: options.compaction ?? {} }
    this.#upkeep = new Upkeep({ ...places, ...upkeep })
    this.retention = this.#upkeep.retention
    this.compaction = this.#upkeep.compaction
  }

  /** @param stateTimeMs As `TimeNotes.start`. */
  async start(stateTimeMs: number): Promise<void> {
    await this.#entities.start()
    this.#upkeep.start(stateTimeMs)
  }

  anonymousCaller(namespace: string): api.TokenCaller {
    return new SasCaller(this.#namespace(namespace), this.#clock)
  }

  plainCaller(namespace: string, ruleName: string, key: string): api.Caller {
    return plainCaller(this.#namespace(namespace), ruleName, key)
  }

  ownerCaller(namespace: string): api.Caller {
    return ownerCaller(this.#namespace(namespace).name)
  }

  openPublisher(caller: api.Caller, hub: string, partition: string | null): api.Publisher {
    this.#checkOpen()
    const path = publishPath(hub, partition)
    checkRight(caller, 'send', path)
    const open = this.#hubs.get(this.#entities.find(caller.namespace, hub))
    const publisher = new PartitionPublisher({
      caller,
      path,
      hub: open,
      partition: partition === null ? null : open.partitionOfText(partition),
      publicationBytesMax: this.#limits.publicationBytesMax,
      inFlight: this.#inFlight,
      turns: this.#turns,
      refusal: () => this.#refusal(),
      onGone: (gone) => open.removePublisher(gone),
    })
    open.addPublisher(publisher)
    return publisher
  }

  openReceiver(caller: api.Caller, options: api.ReceiverOptions): api.Receiver {
    this.#checkOpen()
    const { hub, group, partition } = options
    const path = receivePath(hub, group, partition)
    checkRight(caller, 'listen', path)
    const state = this.#entities.find(caller.namespace, hub)
    const open = this.#hubs.get(state)
    const mayListen = () => (caller.can('listen', path) ? null : unauthorized('listen', caller.namespace, path))
    const receiver = this.#receivers.open({
      hub: state,
      partition: open.partitionOfText(partition),
      group: this.#entities.groupName(state, group),
      options,
      mayListen,
      onGone: () => rights.stop(),
    })
    const rights = caller.whenRightsLapse(() => {
      const refusal = mayListen()
      if (refusal !== null) receiver.detach(refusal)
    })
    return receiver
  }

  flush(): void {
    this.#turns.flush()
  }

  describeHub(caller: api.Caller, hub: string): api.HubDescription {
    return this.#entities.describeHub(caller, hub)
  }

  describePartition(caller: api.Caller, hub: string, partition: string): api.PartitionDescription {
    return this.#queries.describePartition(caller, hub, partition)
  }

  listHubs(caller: api.Caller): readonly api.HubDescription[] {
    return this.#entities.listHubs(caller)
  }

  createHub(caller: api.Caller, command: api.CreateHub): Promise<api.HubDescription> {
    return this.#inProgress.run(() => this.#entities.createHub(caller, command))
  }

  updateHub(caller: api.Caller, hub: string, change: api.HubChange): Promise<api.HubDescription> {
    return this.#inProgress.run(() => this.#entities.updateHub(caller, hub, change))
  }

  deleteHub(caller: api.Caller, hub: string): Promise<void> {
    return this.#inProgress.run(() => this.#entities.deleteHub(caller, hub))
  }

  createGroup(caller: api.Caller, hub: string, group: string, ifNotExists: boolean): Promise<void> {
    return this.#inProgress.run(() => this.#entities.createGroup(caller, hub, group, ifNotExists))
  }

  deleteGroup(caller: api.Caller, hub: string, group: string): Promise<void> {
    return this.#inProgress.run(() => this.#entities.deleteGroup(caller, hub, group))
  }

  listRules(caller: api.Caller): readonly api.AuthorizationRule[] {
    return this.#entities.listRules(caller)
  }

  listReceivers(caller: api.Caller, hub: string | null): readonly api.ReceiverDescription[] {
    checkRight(caller, 'manage', hub === null ? namespacePath : hubPath(hub))
    const only = hub === null ? null : this.#entities.find(caller.namespace, hub).number
    const { hubs } = namespaceNamed(this.#journal.state, caller.namespace)
    return [...hubs.values()]
      .filter(({ number }) => only === null || number === only)
      .flatMap(({ number }) => this.#receivers.ofHub(number))
      .map((receiver) => receiver.describe())
  }

  kickReceiver(caller: api.Caller, id: number): void {
    checkRight(caller, 'manage', namespacePath)
    const receiver = this.#receivers.get(id)
    if (receiver === undefined) {
      throw new EhubError('argument-error', `no receiver ${id}`, {
        hint: 'it may have gone by itself: list them again',
      })
    }
    receiver.detach(new EhubError('cancelled', `receiver ${id} was detached by the operator`))
  }

  checkpoints(caller: api.Caller, hub: string, group: string, store?: string): readonly api.Checkpoint[] {
    return this.#checkpoints.list(caller, hub, group, store)
  }

  owners(caller: api.Caller, hub: string, group: string, store?: string): readonly api.Ownership[] {
    return this.#checkpoints.owners(caller, hub, group, store)
  }

  claimOwnership(
    caller: api.Caller,
    hub: string,
    group: string,
    partition: number,
    claim: api.OwnershipClaim,
  ): Promise<api.Ownership> {
    return this.#inProgress.run(() => this.#checkpoints.claim(caller, hub, group, partition, claim))
  }

  setCheckpoint(
    caller: api.Caller,
    hub: string,
    group: string,
    partition: number,
    write: api.CheckpointWrite,
  ): Promise<api.Checkpoint> {
    return this.#inProgress.run(() => this.#checkpoints.set(caller, hub, group, partition, write))
  }

  clearCheckpoint(caller: api.Caller, hub: string, group: string, partition: number, store?: string): Promise<void> {
    return this.#inProgress.run(() => this.#checkpoints.clear(caller, hub, group, partition, store))
  }

  resolvePosition(caller: api.Caller, hub: string, partition: number, position: api.StartPosition): Promise<number> {
    return this.#queries.resolvePosition(caller, hub, partition, position)
  }

  enqueuedTimeOf(caller: api.Caller, hub: string, partition: number, sequence: number): Promise<number | null> {
    return this.#queries.enqueuedTimeOf(caller, hub, partition, sequence)
  }

  verifyPartition(
    caller: api.Caller,
    hub: string,
    partition: number,
    from: api.VerifyStep['next'] | null,
  ): Promise<api.VerifyStep> {
    return this.#queries.verifyPartition(caller, hub, partition, from)
  }

  damageOf(caller: api.Caller, hub: string, partition: number): LogStatistics['damaged'] {
    return this.#queries.damageOf(caller, hub, partition)
  }

  drain(): Promise<void> {
    this.#drained ??= this.#drain()
    return this.#drained
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    await this.drain()
    await this.#upkeep.stop()
    await this.#inProgress.close()
    await this.#journal.close()
    await this.#hubs.close()
  }

  async #drain(): Promise<void> {
    this.#turns.flush()
    await this.#inFlight.empty()
    const reason = shuttingDown()
    for (const hub of this.#hubs.all()) hub.detachPublishers(reason)
    this.#receivers.detachAll(reason)
  }

  /** A name we do not know means the default namespace: clients name us by whatever host they reach us under. */
  #namespace(name: string): NamespaceState {
    const { state } = this.#journal
    return state.namespaces.get(entityKey(name)) ?? namespaceNamed(state, this.#defaultNamespace)
  }

  #checkOpen(): void {
    const refusal = this.#refusal()
    if (refusal !== null) throw refusal
  }

  #refusal(): EhubError | null {
    return this.#drained === null ? null : shuttingDown()
  }
}
