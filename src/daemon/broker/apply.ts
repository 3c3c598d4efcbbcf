// How one record changes the state. Pure but for the state it is given; the same at start-up as at run time. A record that does
// not fit the state was not made by our commands: that is damage or a bug, never to be skipped.

import { EhubError } from '../../base/error.ts'
import { entityKey } from '../../wire/entity-names.ts'
import { applyStorage, isStorageRecord } from './apply-storage.ts'
import { applyCapture, isCaptureRecord } from './apply-capture.ts'
import { clearStorage } from './blob-state.ts'
import { settingsBefore } from './settings.ts'
import { type BrokerState, type GroupState, type HubState, hubFolder } from './state.ts'
import type { StateRecord, StateRecordOf } from './state-records.ts'

/** @throws EhubError `storage-corrupt` when the record names what the state does not hold. */
export function apply(state: BrokerState, record: StateRecord): void {
  if (isStorageRecord(record)) return applyStorage(state, record)
  if (isCaptureRecord(record)) return applyCapture(state, record)
  switch (record.kind) {
    case 'snapshot-begun':
      state.namespaces.clear()
      state.namespacesByNumber.clear()
      state.hubsByNumber.clear()
      state.removing.clear()
      clearStorage(state.storage)
      state.captures.clear()
      state.believedMs = null
      state.lastNumber = record.lastNumber
      state.lastRevision = record.lastRevision
      return
    case 'namespace-created': {
      const { number, name, createdAtMs } = record
      const namespace = { number, name, createdAtMs, hubs: new Map(), rules: new Map() }
      state.namespaces.set(entityKey(name), namespace)
      state.namespacesByNumber.set(number, namespace)
      state.lastNumber = Math.max(state.lastNumber, number)
      return
    }
    case 'rule-set': {
      const { name, rights, primaryKey, secondaryKey } = record
      namespaceOf(state, record.namespace, record.kind).rules.set(entityKey(name), {
        name,
        rights,
        primaryKey,
        secondaryKey,
      })
      return
    }
    case 'hub-created':
      return applyHubCreated(state, record)
    case 'time-believed':
      state.believedMs = record.timeMs
      return
    case 'hub-updated': {
      const { kind: _, number, partitionCount, ...change } = record
      const hub = hubOf(state, number, record.kind)
      hub.settings = { ...hub.settings, ...change }
      hub.partitionCount = partitionCount ?? hub.partitionCount
      return
    }
    case 'compaction-progress': {
      const { kind, hub, partition, ...progress } = record
      hubOf(state, hub, kind).compactions.set(partition, progress)
      return
    }
    case 'hub-deleted': {
      const hub = hubOf(state, record.number, record.kind)
      hub.namespace.hubs.delete(entityKey(hub.name))
      state.hubsByNumber.delete(hub.number)
      state.captures.delete(hub.number)
      state.removing.set(hub.number, hub.folder)
      return
    }
    case 'hub-removing':
      state.removing.set(record.number, record.folder)
      return
    case 'hub-removed':
      state.removing.delete(record.number)
      return
    case 'group-created': {
      const { name, createdAtMs } = record
      const { groups } = hubOf(state, record.hub, record.kind)
      groups.set(entityKey(name), { name, createdAtMs, checkpoints: new Map(), owners: new Map() })
      return
    }
    case 'group-deleted':
      groupOf(state, record.hub, record.name, record.kind)
      hubOf(state, record.hub, record.kind).groups.delete(entityKey(record.name))
      return
    case 'checkpoint-set': {
      const { sequence, offset, enqueuedTimeMs, owner, updatedAtMs, revision } = record
      const { checkpoints } = groupOf(state, record.hub, record.group, record.kind)
      checkpoints.set(record.partition, { sequence, offset, enqueuedTimeMs, owner, updatedAtMs, revision })
      state.lastRevision = Math.max(state.lastRevision, revision)
      return
    }
    case 'ownership-set': {
      const { owner, updatedAtMs, revision } = record
      const { owners } = groupOf(state, record.hub, record.group, record.kind)
      owners.set(record.partition, { owner, updatedAtMs, revision })
      state.lastRevision = Math.max(state.lastRevision, revision)
      return
    }
    case 'checkpoint-cleared':
      groupOf(state, record.hub, record.group, record.kind).checkpoints.delete(record.partition)
      return
  }
}

function applyHubCreated(state: BrokerState, record: StateRecordOf<'hub-created'>): void {
  const { number, name, partitionCount, durability, createdAtMs } = record
  const namespace = namespaceOf(state, record.namespace, record.kind)
  const hub: HubState = {
    number,
    folder: hubFolder(namespace.number, number),
    namespace,
    name,
    partitionCount,
    durability,
    createdAtMs,
    settings: settingsBefore,
    compactions: new Map(),
    groups: new Map(),
  }
  namespace.hubs.set(entityKey(name), hub)
  state.hubsByNumber.set(number, hub)
  state.lastNumber = Math.max(state.lastNumber, number)
}

function namespaceOf(state: BrokerState, number: number, kind: string) {
  const namespace = state.namespacesByNumber.get(number)
  if (namespace === undefined) throw misplaced(kind, `namespace ${number}`)
  return namespace
}

function hubOf(state: BrokerState, number: number, kind: string): HubState {
  const hub = state.hubsByNumber.get(number)
  if (hub === undefined) throw misplaced(kind, `hub ${number}`)
  return hub
}

function groupOf(state: BrokerState, hub: number, name: string, kind: string): GroupState {
  const group = hubOf(state, hub, kind).groups.get(entityKey(name))
  if (group === undefined) throw misplaced(kind, `a group of hub ${hub}`)
  return group
}

function misplaced(kind: string, what: string): EhubError {
  return new EhubError(
    'storage-corrupt',
    `the state log holds a record of kind ${kind} for ${what}, which does not exist`,
  )
}
