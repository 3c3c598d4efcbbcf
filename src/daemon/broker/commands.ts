// What may be done to the state: pure functions of (state, input, now) giving records and a reply. They check everything that
// depends on the state and change nothing; the journal makes the records durable and applies them.

import { EhubError } from '../../base/error.ts'
import { checkEntityName, defaultGroup, entityKey, isDefaultGroup } from '../../wire/entity-names.ts'
import type { Durability } from '../storage/storage-engine.ts'
import type { CompactionProgress } from './compactions-api.ts'
import type { AuthorizationRule, CreateHub, HubChange } from './broker-api.ts'
import { groupNotFound, grouped, hubNotFound, quoted } from './error-texts.ts'
import { changedSettings, type HubSettings, newSettings } from './settings.ts'
import type { BrokerState, CheckpointState, GroupState, HubState, NamespaceState, OwnershipState } from './state.ts'
import type { StateRecord } from './state-records.ts'
import { hubsMax, partitionsDefault, partitionsMax, type TierLimits } from './tiers.ts'

export interface CommandResult<Reply> {
  readonly records: readonly StateRecord[]
  readonly reply: Reply
}

/** Evaluated by the journal against the newest state; throws `EhubError` to refuse. */
export type Command<Reply> = (state: BrokerState, nowMs: number) => CommandResult<Reply>

/** Makes the namespace with its first rule, once. */
export function createNamespace(name: string, rule: AuthorizationRule): Command<void> {
  checkEntityName('namespace', name)
  return (state, nowMs) => {
    if (state.namespaces.has(entityKey(name))) return { records: [], reply: undefined }
    const number = state.lastNumber + 1
    return {
      records: [
        { kind: 'namespace-created', number, name, createdAtMs: nowMs },
        { kind: 'rule-set', namespace: number, ...rule },
      ],
      reply: undefined,
    }
  }
}

export interface CreateHubInput extends CreateHub {
  readonly namespace: string
  readonly durabilityDefault: Durability
  readonly limits: TierLimits
  /** The hub's number is above this one: numbers of folders already on disk are never given out. */
  readonly numberAbove: number
}

/** @returns The hub's number, whether new or there already. */
export function createHub(input: CreateHubInput): Command<{ readonly number: number; readonly isNew: boolean }> {
  const { name, partitionCount = partitionsDefault, durability = input.durabilityDefault } = input
  checkEntityName('hub', name)
  checkPartitionCount(partitionCount)
  const settings = newSettings(settingsOf(input), input.limits)
  const groups = new Map([[entityKey(defaultGroup), defaultGroup]])
  for (const group of input.groups ?? []) {
    checkEntityName('group', group)
    if (!groups.has(entityKey(group))) groups.set(entityKey(group), group)
  }
  checkGroupCount(name, groups.size, input.limits.groupsMax)
  return (state, nowMs) => {
    const namespace = namespaceNamed(state, input.namespace)
    const existing = namespace.hubs.get(entityKey(name))
    if (existing !== undefined) {
      const difference = differenceOf(existing, input)
      if (input.ifNotExists === true && difference === null) {
        return { records: [], reply: { number: existing.number, isNew: false } }
      }
      throw new EhubError('hub-exists', `hub "${existing.name}" exists already${difference ?? ''}`)
    }
    if (namespace.hubs.size >= hubsMax) {
      throw new EhubError(
        'quota-exceeded',
        `namespace "${namespace.name}" has ${grouped(hubsMax)} hubs, the most it takes`,
      )
    }
    const number = Math.max(state.lastNumber, input.numberAbove) + 1
    const records: StateRecord[] = [
      {
        kind: 'hub-created',
        number,
        namespace: namespace.number,
        name,
        partitionCount,
        durability,
        createdAtMs: nowMs,
      },
      { kind: 'hub-updated', number, ...settings },
    ]
    for (const group of groups.values()) {
      records.push({ kind: 'group-created', hub: number, name: group, createdAtMs: nowMs })
    }
    return { records, reply: { number, isNew: true } }
  }
}

/** Notes the time that retention believes. */
export function noteTime(timeMs: number): Command<void> {
  return () => ({ records: [{ kind: 'time-believed', timeMs }], reply: undefined })
}

export interface UpdateHubInput {
  readonly namespace: string
  readonly name: string
  readonly change: HubChange
  readonly limits: TierLimits
}

/** Changes what is named and nothing else. @returns All settings as they are then. */
export function updateHub({ namespace, name, change, limits }: UpdateHubInput): Command<HubSettings> {
  const { partitionCount } = change
  if (partitionCount !== undefined) checkPartitionCount(partitionCount)
  return (state) => {
    const hub = hubNamed(state, namespace, name)
    const settings = changedSettings(hub.settings, settingsOf(change), limits)
    if (partitionCount !== undefined && partitionCount < hub.partitionCount) {
      throw new EhubError(
        'not-allowed',
        `hub "${hub.name}" has ${grouped(hub.partitionCount)} partitions and cannot go down to ${partitionCount}`,
        { hint: 'the number of partitions only goes up: make another hub and replay the events into it' },
      )
    }
    const more = partitionCount === undefined ? {} : { partitionCount }
    return { records: [{ kind: 'hub-updated', number: hub.number, ...more, ...settings }], reply: settings }
  }
}

/** How far a partition is compacted; nothing when the hub was deleted meanwhile. */
export function noteCompaction(hub: number, partition: number, progress: CompactionProgress): Command<void> {
  return (state) => {
    const isThere = state.hubsByNumber.has(hub)
    return { records: isThere ? [{ kind: 'compaction-progress', hub, partition, ...progress }] : [], reply: undefined }
  }
}

/** The settings that are named, and nothing else of what they come with. */
function settingsOf(asked: Partial<HubSettings>): Partial<HubSettings> {
  const { retentionMs, cleanup, tombstoneRetentionMs, minCompactionLagMs } = asked
  return {
    ...(retentionMs === undefined ? {} : { retentionMs }),
    ...(cleanup === undefined ? {} : { cleanup }),
    ...(tombstoneRetentionMs === undefined ? {} : { tombstoneRetentionMs }),
    ...(minCompactionLagMs === undefined ? {} : { minCompactionLagMs }),
  }
}

function checkPartitionCount(count: number): void {
  if (Number.isInteger(count) && count >= 1 && count <= partitionsMax) return
  throw new EhubError(
    'argument-out-of-range',
    `${count} partitions are not possible: a hub has 1 to ${grouped(partitionsMax)}`,
  )
}

/** What an existing hub has otherwise than asked for, as the end of a sentence; null when it fits. */
function differenceOf(hub: HubState, wanted: CreateHub): string | null {
  if (wanted.partitionCount !== undefined && wanted.partitionCount !== hub.partitionCount) {
    return `, with ${hub.partitionCount} partitions instead of ${wanted.partitionCount}`
  }
  if (wanted.durability !== undefined && wanted.durability !== hub.durability) {
    return `, with durability "${hub.durability}" instead of "${wanted.durability}"`
  }
  for (const name of ['retentionMs', 'cleanup', 'tombstoneRetentionMs', 'minCompactionLagMs'] as const) {
    const asked = wanted[name]
    const present = hub.settings[name]
    if (asked !== undefined && asked !== present) return `, with ${name} ${present} instead of ${asked}`
  }
  const missing = wanted.groups?.find((group) => !hub.groups.has(entityKey(group)))
  return missing === undefined ? null : `, without the consumer group ${quoted(missing)}`
}

/** @returns The hub as it was. */
export function deleteHub(
  namespace: string,
  name: string,
): Command<{ readonly number: number; readonly folder: string }> {
  return (state) => {
    const { number, folder } = hubNamed(state, namespace, name)
    return { records: [{ kind: 'hub-deleted', number }], reply: { number, folder } }
  }
}

/** To be said when the logs of a deleted hub are gone. */
export function hubRemoved(number: number): Command<void> {
  return (state) => ({ records: state.removing.has(number) ? [{ kind: 'hub-removed', number }] : [], reply: undefined })
}

export interface CreateGroupInput {
  readonly namespace: string
  readonly hub: string
  readonly group: string
  readonly ifNotExists: boolean
  readonly groupsMax: number
}

export function createGroup({ namespace, hub, group, ifNotExists, groupsMax }: CreateGroupInput): Command<void> {
  checkEntityName('group', group)
  return (state, nowMs) => {
    const { name, number, groups } = hubNamed(state, namespace, hub)
    const existing = groups.get(entityKey(group))
    if (existing !== undefined) {
      if (ifNotExists) return { records: [], reply: undefined }
      throw new EhubError('group-exists', `consumer group "${existing.name}" of hub "${name}" exists already`)
    }
    checkGroupCount(name, groups.size + 1, groupsMax)
    return { records: [{ kind: 'group-created', hub: number, name: group, createdAtMs: nowMs }], reply: undefined }
  }
}

/** @returns What the group was called and where it belonged. */
export function deleteGroup(
  namespace: string,
  hub: string,
  group: string,
): Command<{ readonly hub: HubState; readonly group: string }> {
  if (isDefaultGroup(group)) throw new EhubError('not-allowed', `consumer group "${defaultGroup}" cannot be deleted`)
  return (state) => {
    const found = hubNamed(state, namespace, hub)
    const { name } = groupNamed(found, group)
    return { records: [{ kind: 'group-deleted', hub: found.number, name }], reply: { hub: found, group: name } }
  }
}

export interface SetCheckpointInput {
  /** Of the hub the caller was allowed to use, not of one of the same name made meanwhile. */
  readonly hub: number
  readonly hubName: string
  readonly group: string
  readonly partition: number
  readonly sequence: number
  readonly offset: number
  readonly enqueuedTimeMs: number | null
  readonly owner: string | null
  /** As `CheckpointWrite.ifMatch`. */
  readonly ifMatch: string | null | undefined
}

export function setCheckpoint(input: SetCheckpointInput): Command<CheckpointState> {
  return (state, nowMs) => {
    const { checkpoints, name } = groupOfHub(state, input)
    const { partition, sequence, offset, enqueuedTimeMs, owner } = input
    checkMatch(input, checkpoints.get(partition))
    const revision = state.lastRevision + 1
    const checkpoint = { sequence, offset, enqueuedTimeMs, owner, updatedAtMs: nowMs, revision }
    return {
      records: [{ kind: 'checkpoint-set', hub: input.hub, group: name, partition, ...checkpoint }],
      reply: checkpoint,
    }
  }
}

export type ClearCheckpointInput = Pick<SetCheckpointInput, 'hub' | 'hubName' | 'group' | 'partition'>

export function clearCheckpoint(input: ClearCheckpointInput): Command<void> {
  return (state) => {
    const { checkpoints, name } = groupOfHub(state, input)
    const { hub, partition } = input
    if (!checkpoints.has(partition)) {
      throw new EhubError(
        'checkpoint-not-found',
        `consumer group "${name}" has no checkpoint for partition ${partition} of hub "${input.hubName}"`,
      )
    }
    return { records: [{ kind: 'checkpoint-cleared', hub, group: name, partition }], reply: undefined }
  }
}

export interface ClaimOwnershipInput extends ClearCheckpointInput {
  /** Empty: given back. */
  readonly owner: string
  readonly ifMatch: string | null | undefined
}

/** Who has the etag of the last claim, or claims first, has the partition. */
export function claimOwnership(input: ClaimOwnershipInput): Command<OwnershipState> {
  return (state, nowMs) => {
    const { owners, name } = groupOfHub(state, input)
    const { hub, partition, owner } = input
    const stored = owners.get(partition)
    checkClaim(input, stored === undefined ? null : { etag: etagOf(stored), owner: stored.owner })
    const ownership = { owner, updatedAtMs: nowMs, revision: state.lastRevision + 1 }
    return { records: [{ kind: 'ownership-set', hub, group: name, partition, ...ownership }], reply: ownership }
  }
}

/** @throws EhubError `ownership-conflict` when `ifMatch` is not of the claim that stands. */
export function checkClaim(
  { ifMatch, partition }: Pick<ClaimOwnershipInput, 'ifMatch' | 'partition'>,
  stored: { readonly etag: string; readonly owner: string } | null,
): void {
  if (ifMatch === undefined || ifMatch === (stored?.etag ?? null)) return
  throw new EhubError(
    'ownership-conflict',
    stored === null
      ? `nobody has claimed partition ${partition}, there is no claim to replace`
      : `partition ${partition} was claimed by ${stored.owner === '' ? 'nobody' : quoted(stored.owner)} with etag ${quoted(stored.etag)}, not ${ifMatch === null ? 'none' : quoted(ifMatch)}`,
    { hint: 'another processor was faster: list the owners and decide anew' },
  )
}

export function etagOf({ revision }: Pick<CheckpointState, 'revision'>): string {
  return String(revision)
}

function checkMatch(input: SetCheckpointInput, stored: CheckpointState | undefined): void {
  const { ifMatch } = input
  if (ifMatch === undefined) return
  const etag = stored === undefined ? null : etagOf(stored)
  if (ifMatch === etag) return
  const place = `partition ${input.partition} of hub "${input.hubName}" for consumer group ${quoted(input.group)}`
  throw new EhubError(
    'checkpoint-conflict',
    etag === null
      ? `there is no checkpoint of ${place} to replace`
      : `the checkpoint of ${place} has etag ${quoted(etag)}, not ${ifMatch === null ? 'none' : quoted(ifMatch)}`,
    { hint: 'somebody else wrote it: read it again and decide anew' },
  )
}

function groupOfHub(state: BrokerState, { hub, hubName, group }: Omit<ClearCheckpointInput, 'partition'>): GroupState {
  const found = state.hubsByNumber.get(hub)
  if (found === undefined) throw new EhubError('hub-not-found', `hub "${hubName}" was deleted`)
  return groupNamed(found, group)
}

export function namespaceNamed(state: BrokerState, name: string): NamespaceState {
  const namespace = state.namespaces.get(entityKey(name))
  if (namespace === undefined) throw new EhubError('namespace-not-found', `no namespace ${quoted(name)}`)
  return namespace
}

/** @throws EhubError `hub-not-found`, with the name it may have meant. */
export function hubNamed(state: BrokerState, namespaceName: string, name: string): HubState {
  const namespace = namespaceNamed(state, namespaceName)
  const hub = namespace.hubs.get(entityKey(name))
  if (hub === undefined) throw hubNotFound(namespace.name, name, namesOf(namespace.hubs))
  return hub
}

/** @throws EhubError `group-not-found`, with the name it may have meant. */
export function groupNamed(hub: HubState, name: string): GroupState {
  const group = hub.groups.get(entityKey(name))
  if (group === undefined) throw groupNotFound(hub.name, name, namesOf(hub.groups))
  return group
}

export function namesOf(entities: ReadonlyMap<string, { readonly name: string }>): string[] {
  return Array.from(entities.values(), ({ name }) => name)
}

function checkGroupCount(hub: string, count: number, max: number): void {
  if (count <= max) return
  throw new EhubError('quota-exceeded', `hub "${hub}" takes at most ${grouped(max)} consumer groups, $Default included`)
}
