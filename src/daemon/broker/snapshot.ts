// The whole state as records: what `$state` is shortened to. Applying them to any state gives this one.

import { blobRecord } from './apply-storage.ts'
import type { StorageState } from './blob-state.ts'
import { captureRecords } from './apply-capture.ts'
import type { BrokerState, HubState } from './state.ts'
import type { StateRecord } from './state-records.ts'

/** Records in the order in which they can be applied; the first is `snapshot-begun`. Deterministic for equal states. */
export function* snapshotRecords(state: BrokerState): Generator<StateRecord> {
  yield { kind: 'snapshot-begun', lastNumber: state.lastNumber, lastRevision: state.lastRevision }
  for (const { number, name, createdAtMs, rules, hubs } of state.namespaces.values()) {
    yield { kind: 'namespace-created', number, name, createdAtMs }
    for (const rule of rules.values()) yield { kind: 'rule-set', namespace: number, ...rule }
    for (const hub of hubs.values()) yield* hubRecords(hub)
  }
  for (const [number, folder] of state.removing) yield { kind: 'hub-removing', number, folder }
  yield* captureRecords(state.captures)
  if (state.believedMs !== null) yield { kind: 'time-believed', timeMs: state.believedMs }
  yield* storageRecords(state.storage)
}

function* hubRecords(hub: HubState): Generator<StateRecord> {
  const { number, namespace, name, partitionCount, durability, createdAtMs, settings, groups, compactions } = hub
  yield { kind: 'hub-created', number, namespace: namespace.number, name, partitionCount, durability, createdAtMs }
  yield { kind: 'hub-updated', number, ...settings }
  for (const [partition, progress] of compactions) {
    yield { kind: 'compaction-progress', hub: number, partition, ...progress }
  }
  for (const group of groups.values()) {
    yield { kind: 'group-created', hub: number, name: group.name, createdAtMs: group.createdAtMs }
    for (const [partition, checkpoint] of group.checkpoints) {
      yield { kind: 'checkpoint-set', hub: number, group: group.name, partition, ...checkpoint }
    }
    for (const [partition, ownership] of group.owners) {
      yield { kind: 'ownership-set', hub: number, group: group.name, partition, ...ownership }
    }
  }
}

function* storageRecords({ account, containers }: StorageState): Generator<StateRecord> {
  if (account !== null) yield { kind: 'storage-account-set', name: account.name, key: account.key }
  for (const { blobs, ...container } of containers.values()) {
    yield { kind: 'container-set', ...container }
    for (const blob of blobs.values()) yield blobRecord(container.name, blob)
  }
}
