// The whole state as records: what `$state` is shortened to. Applying them to any state gives this one.

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
}

function* hubRecords(hub: HubState): Generator<StateRecord> {
  const { number, namespace, name, partitionCount, durability, createdAtMs, groups } = hub
  yield { kind: 'hub-created', number, namespace: namespace.number, name, partitionCount, durability, createdAtMs }
  for (const group of groups.values()) {
    yield { kind: 'group-created', hub: number, name: group.name, createdAtMs: group.createdAtMs }
    for (const [partition, checkpoint] of group.checkpoints) {
      yield { kind: 'checkpoint-set', hub: number, group: group.name, partition, ...checkpoint }
    }
  }
}
