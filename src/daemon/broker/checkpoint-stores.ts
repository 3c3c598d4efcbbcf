// Where a group's checkpoints and owners are: in the daemon's own store, or in a container of blobs where processors of the
// official SDKs keep them. Pure views of the state.
//
// A group is shown with the store in which a checkpoint of it was written last: a processor that brings its own container is
// seen without being told where it writes. Blobs older than their hub or group were written for another one of that name and
// do not count; nor do those of partitions there are not, or without a sequence number.

import { ownerOf, parseCheckpointMetadata } from '../../wire/checkpoint-blobs.ts'
import type { Checkpoint, Ownership } from './broker-api.ts'
import { blobEtag } from './blob-commands.ts'
import { type BlobState, blobsOfGroup, type IndexedBlob } from './blob-state.ts'
import { etagOf } from './commands.ts'
import type { BrokerState, CheckpointState, GroupState, HubState, OwnershipState } from './state.ts'

/** The daemon's own store. No container can be called so. */
export const ownStore = '$daemon'

export function storeInUse(state: BrokerState, hub: HubState, group: GroupState): string {
  let store = ownStore
  let revision = 0
  for (const checkpoint of group.checkpoints.values()) revision = Math.max(revision, checkpoint.revision)
  for (const { container, kind, blob } of countingBlobs(state, hub, group)) {
    if (kind !== 'checkpoint' || blob.revision < revision) continue
    revision = blob.revision
    store = container
  }
  return store
}

/** In order of partition. */
export function checkpointsIn(
  state: BrokerState,
  hub: HubState,
  group: GroupState,
  store: string,
): readonly Checkpoint[] {
  const found =
    store === ownStore
      ? Array.from(group.checkpoints, ([partition, checkpoint]) => ownCheckpoint(hub, group, partition, checkpoint))
      : blobCheckpoints(state, hub, group, store)
  return found.sort((one, other) => one.partition - other.partition)
}

/** In order of partition, of one container or of all. */
export function ownersIn(
  state: BrokerState,
  hub: HubState,
  group: GroupState,
  store: string | null,
): readonly Ownership[] {
  const owners: Ownership[] =
    store === null || store === ownStore
      ? Array.from(group.owners, ([partition, ownership]) => ownOwnership(hub, group, partition, ownership))
      : []
  for (const { container, kind, partition, blob } of countingBlobs(state, hub, group)) {
    if (kind !== 'ownership' || (store !== null && store !== container)) continue
    owners.push(blobOwnership(hub, group, partition, container, blob))
  }
  return owners.sort((one, other) => one.partition - other.partition || (one.store < other.store ? -1 : 1))
}

export function ownOwnership(
  hub: HubState,
  group: GroupState,
  partition: number,
  ownership: OwnershipState,
): Ownership {
  const { owner, updatedAtMs } = ownership
  const place = { hub: hub.name, group: group.name, partition, store: ownStore }
  return { ...place, owner: owner === '' ? null : owner, updatedAtMs, etag: etagOf(ownership) }
}

export function blobOwnership(
  hub: HubState,
  group: GroupState,
  partition: number,
  container: string,
  blob: BlobState,
): Ownership {
  const owner = ownerOf(blob.metadata) ?? ''
  const place = { hub: hub.name, group: group.name, partition, store: container }
  return { ...place, owner: owner === '' ? null : owner, updatedAtMs: blob.updatedAtMs, etag: blobEtag(blob) }
}

export function ownCheckpoint(
  hub: HubState,
  group: GroupState,
  partition: number,
  checkpoint: CheckpointState,
): Checkpoint {
  const { sequence, offset, enqueuedTimeMs, owner, updatedAtMs } = checkpoint
  const place = { hub: hub.name, group: group.name, partition, store: ownStore }
  return { ...place, sequence, offset, enqueuedTimeMs, owner, updatedAtMs, etag: etagOf(checkpoint) }
}

/** null when its metadata says no position. */
export function blobCheckpoint(
  hub: HubState,
  group: GroupState,
  { partition, container, blob }: IndexedBlob,
  owner: string | null,
): Checkpoint | null {
  const position = parseCheckpointMetadata(blob.metadata)
  if (position === null) return null
  return {
    hub: hub.name,
    group: group.name,
    partition,
    store: container,
    sequence: position.sequence,
    offset: position.offset ?? -1,
    enqueuedTimeMs: null,
    owner: position.client ?? owner,
    updatedAtMs: blob.updatedAtMs,
    etag: blobEtag(blob),
  }
}

function blobCheckpoints(state: BrokerState, hub: HubState, group: GroupState, store: string): Checkpoint[] {
  const newest = new Map<number, IndexedBlob>()
  const owners = new Map<number, IndexedBlob>()
  for (const indexed of countingBlobs(state, hub, group)) {
    if (indexed.container !== store) continue
    const { partition, blob } = indexed
    const byPartition = indexed.kind === 'checkpoint' ? newest : owners
    // The same partition under two hosts: the one written last.
    if (blob.revision > (byPartition.get(partition)?.blob.revision ?? 0)) byPartition.set(partition, indexed)
  }
  return [...newest.values()].flatMap((indexed) => {
    const owner = ownerOf(owners.get(indexed.partition)?.blob.metadata ?? {})
    return blobCheckpoint(hub, group, indexed, owner === '' ? null : owner) ?? []
  })
}

function* countingBlobs(state: BrokerState, hub: HubState, group: GroupState): Generator<IndexedBlob> {
  const sinceMs = sinceMsOf(hub, group)
  for (const indexed of blobsOfGroup(state.storage, hub.name, group.name)) {
    if (indexed.partition < hub.partitionCount && indexed.blob.updatedAtMs >= sinceMs) yield indexed
  }
}

/** What was written before is of another hub or group of that name. */
export function sinceMsOf(hub: HubState, group: GroupState): number {
  return Math.max(hub.createdAtMs, group.createdAtMs)
}
