// Checkpoints of consumer groups: what the group handled last, per partition, kept in `$state` with compare-and-set, in the
// daemon's own store or as blobs (`checkpoint-stores.ts`). Reading and writing them is a consumer's work and needs `listen` on the
// group.

import { assert } from '../../base/assert.ts'
import { EhubError } from '../../base/error.ts'
import type { Batch } from '../storage/storage-engine.ts'
import { indexAtSequence, offsetOfIndex } from '../storage/survivors.ts'
import { claimOwnershipBlob, clearCheckpointBlob, containerNamed, setCheckpointBlob } from './blob-commands.ts'
import type { Caller, Checkpoint, CheckpointWrite, Ownership, OwnershipClaim } from './broker-api.ts'
import { checkRight } from './callers.ts'
import {
  blobCheckpoint,
  blobOwnership,
  checkpointsIn,
  ownCheckpoint,
  ownersIn,
  ownOwnership,
  ownStore,
  sinceMsOf,
  storeInUse,
} from './checkpoint-stores.ts'
import { claimOwnership, clearCheckpoint, groupNamed, hubNamed, setCheckpoint } from './commands.ts'
import { partitionNotFound } from './error-texts.ts'
import { positionOfEvent } from './event-positions.ts'
import type { OpenHubs } from './open-hubs.ts'
import type { Partition } from './partition.ts'
import { groupPath } from './paths.ts'
import { outOfRange } from './positions.ts'
import type { GroupState, HubState } from './state.ts'
import type { StateJournal } from './state-journal.ts'

const ownerLengthMax = 256

interface Event {
  readonly offset: number
  readonly timeMs: number | null
}

export class Checkpoints {
  readonly #journal: StateJournal
  readonly #hubs: OpenHubs

  constructor(journal: StateJournal, hubs: OpenHubs) {
    this.#journal = journal
    this.#hubs = hubs
  }

  /** In order of partition. */
  list(caller: Caller, hubName: string, groupName: string, store?: string): readonly Checkpoint[] {
    const { hub, group } = this.#find(caller, hubName, groupName)
    return checkpointsIn(this.#journal.state, hub, group, this.#store(hub, group, store))
  }

  owners(caller: Caller, hubName: string, groupName: string, store?: string): readonly Ownership[] {
    const { hub, group } = this.#find(caller, hubName, groupName)
    if (store !== undefined) this.#store(hub, group, store)
    return ownersIn(this.#journal.state, hub, group, store ?? null)
  }

  async set(
    caller: Caller,
    hubName: string,
    groupName: string,
    partitionIndex: number,
    write: CheckpointWrite,
  ): Promise<Checkpoint> {
    const { hub, group } = this.#find(caller, hubName, groupName)
    const partition = this.#partition(hub, partitionIndex)
    checkWrite(write, partition)
    const store = this.#store(hub, group, write.store)
    const event = await locate(partition, write.sequence, write.offset)
    if (store !== ownStore) return this.#setBlob(hub, group, partitionIndex, store, write, event)
    const stored = await this.#journal.run(
      setCheckpoint({
        hub: hub.number,
        hubName: hub.name,
        group: group.name,
        partition: partitionIndex,
        sequence: write.sequence,
        offset: write.offset ?? event.offset,
        enqueuedTimeMs: event.timeMs,
        owner: write.owner ?? null,
        ifMatch: write.ifMatch,
      }),
    )
    return ownCheckpoint(hub, group, partitionIndex, stored)
  }

  async #setBlob(
    hub: HubState,
    group: GroupState,
    partition: number,
    container: string,
    { sequence, offset, owner, ifMatch }: CheckpointWrite,
    event: Event,
  ): Promise<Checkpoint> {
    const place = { container, hub: hub.name, group: group.name, partition }
    const position = { sequence, offset: offset ?? event.offset }
    const command = setCheckpointBlob({ ...place, ...position, ifMatch, sinceMs: sinceMsOf(hub, group) })
    const stored = await this.#journal.run(command)
    const checkpoint = blobCheckpoint(hub, group, stored, owner ?? null)
    assert(checkpoint !== null, 'a checkpoint just written has a sequence number')
    return checkpoint
  }

  async clear(caller: Caller, hubName: string, groupName: string, partition: number, store?: string): Promise<void> {
    const { hub, group } = this.#find(caller, hubName, groupName)
    this.#partition(hub, partition)
    const container = this.#store(hub, group, store)
    if (container !== ownStore) {
      const place = { container, hub: hub.name, group: group.name, partition }
      return this.#journal.run(clearCheckpointBlob(place))
    }
    await this.#journal.run(clearCheckpoint({ hub: hub.number, hubName: hub.name, group: group.name, partition }))
  }

  /** As `Broker.claimOwnership`. */
  async claim(
    caller: Caller,
    hubName: string,
    groupName: string,
    partition: number,
    { owner, ifMatch, store: named }: OwnershipClaim,
  ): Promise<Ownership> {
    const { hub, group } = this.#find(caller, hubName, groupName)
    this.#partition(hub, partition)
    const claim = { group: group.name, partition, owner: owner ?? '', ifMatch }
    checkOwner(claim.owner)
    const store = named === undefined ? ownStore : this.#store(hub, group, named)
    if (store === ownStore) {
      const stored = await this.#journal.run(claimOwnership({ ...claim, hub: hub.number, hubName: hub.name }))
      return ownOwnership(hub, group, partition, stored)
    }
    const place = { container: store, hub: hub.name, sinceMs: sinceMsOf(hub, group) }
    const blob = await this.#journal.run(claimOwnershipBlob({ ...claim, ...place }))
    return blobOwnership(hub, group, partition, store, blob)
  }

  #find(caller: Caller, hubName: string, groupName: string): { hub: HubState; group: GroupState } {
    checkRight(caller, 'listen', groupPath(hubName, groupName))
    const hub = hubNamed(this.#journal.state, caller.namespace, hubName)
    return { hub, group: groupNamed(hub, groupName) }
  }

  /** @throws EhubError `container-not-found`. */
  #store(hub: HubState, group: GroupState, named: string | undefined): string {
    const { state } = this.#journal
    if (named === undefined) return storeInUse(state, hub, group)
    return named === ownStore ? ownStore : containerNamed(state, named).name
  }

  #partition(hub: HubState, index: number): Partition {
    const partition = this.#hubs.get(hub).partitions[index]
    if (partition === undefined) throw partitionNotFound(hub.name, index, hub.partitionCount)
    return partition
  }
}

/** `sequence` -1 stands before the first event: nothing handled yet. */
function checkWrite({ sequence, offset, owner }: CheckpointWrite, { log }: Partition): void {
  if (!Number.isSafeInteger(sequence) || sequence < -1) {
    throw new EhubError('argument-error', `${sequence} is no sequence number: it must be an integer of -1 or more`)
  }
  if (offset !== undefined && (!Number.isSafeInteger(offset) || offset < -1)) {
    throw new EhubError('argument-error', `${offset} is no offset: it must be an integer of -1 or more`)
  }
  if (owner !== undefined) checkOwner(owner)
  const lastSequence = log.end.sequence - 1
  if (sequence > lastSequence) throw outOfRange('sequence number', sequence, lastSequence)
}

function checkOwner({ length }: string): void {
  if (length <= ownerLengthMax) return
  throw new EhubError('argument-error', `an owner has at most ${ownerLengthMax} characters, not ${length}`)
}

/** Offset and time of an event; without a read from disk when the offset is given. */
async function locate({ log, appender }: Partition, sequence: number, offset?: number): Promise<Event> {
  if (sequence === -1) return { offset: -1, timeMs: null }
  // Trimmed: a reader that goes on behind it starts at the earliest.
  if (sequence < log.start.sequence) return { offset: log.start.offset - 1, timeMs: null }
  const last = appender.lastStored()
  if (sequence === last.sequence) return last
  const cached = log.readCached(sequence, 1)
  // Whoever says the offset spares us the walk to the event: a batch has one time.
  if (offset !== undefined) return { offset, timeMs: cached?.[0]?.enqueuedTimeMs ?? null }
  const [batch] = cached ?? (await log.read(sequence, 1))
  return batch === undefined ? { offset: log.start.offset - 1, timeMs: null } : eventOf(batch, sequence)
}

function eventOf(batch: Batch, sequence: number): Event {
  const { baseOffset, baseSequence, encoding, payload, enqueuedTimeMs: timeMs } = batch
  if (encoding !== 'amqp') return { offset: baseOffset, timeMs }
  if (batch.survivors !== undefined) {
    // Of one that compaction took: the newest event left before it, so that whoever goes on behind the offset misses none.
    const index = indexAtSequence(batch, sequence + 1) - 1
    return { offset: index < 0 ? baseOffset - 1 : offsetOfIndex(batch, index, positionOfEvent(payload, index)), timeMs }
  }
  return { offset: baseOffset + positionOfEvent(payload, sequence - baseSequence), timeMs }
}
