// Random commands against the state, for properties of records, journal and snapshots.

import fc from 'fast-check'
import { isEhubError } from '../../../src/base/error.ts'
import {
  claimOwnership,
  clearCheckpoint,
  type Command,
  createGroup,
  createHub,
  createNamespace,
  deleteGroup,
  deleteHub,
  hubRemoved,
  noteTime,
  setCheckpoint,
  updateHub,
} from '../../../src/daemon/broker/commands.ts'
import {
  clearCheckpointBlob,
  createAccount,
  createContainer,
  deleteBlob,
  deleteContainer,
  putBlob,
  setBlobMetadata,
  claimOwnershipBlob,
  setCheckpointBlob,
  setContainerMetadata,
} from '../../../src/daemon/broker/blob-commands.ts'
import type { HubChange } from '../../../src/daemon/broker/broker-api.ts'
import { snapshotRecords } from '../../../src/daemon/broker/snapshot.ts'
import type { BrokerState } from '../../../src/daemon/broker/state.ts'
import type { StateRecord } from '../../../src/daemon/broker/state-records.ts'
import { tiers } from '../../../src/daemon/broker/tiers.ts'

export const rule = {
  name: 'RootManageSharedAccessKey',
  rights: ['listen', 'manage', 'send'],
  primaryKey: 'p',
  secondaryKey: 's',
} as const

const limits = { ...tiers.standard, groupsMax: 4 }

export const newHub = (name: string, more: object = {}) =>
  createHub({ name, namespace: 'local', durabilityDefault: 'sync', limits, numberAbove: 0, ...more })

export const changeHub = (name: string, change: HubChange) => updateHub({ namespace: 'local', name, change, limits })

export const newGroup = (hub: string, group: string, ifNotExists = false) =>
  createGroup({ namespace: 'local', hub, group, ifNotExists, groupsMax: 4 })

export const checkpointAt = (hub: number, sequence: number, more: object = {}) =>
  setCheckpoint({
    hub,
    hubName: 'hub',
    group: '$Default',
    partition: 0,
    sequence,
    offset: 10 * sequence,
    enqueuedTimeMs: 5,
    owner: null,
    ifMatch: undefined,
    ...more,
  })

const hubs = fc.constantFrom('a', 'B', 'b', 'c-1')
const groups = fc.constantFrom('$Default', 'g1', 'G1', 'g2', 'g3', 'g4')
const containers = fc.constantFrom('one', 'two')
const blobNames = fc.constantFrom('x', 'h/a/g1/checkpoint/0', 'i/a/g1/checkpoint/0', 'h/a/g1/ownership/1')
const numbers = fc.integer({ min: 1, max: 6 })

/** Commands on few names, so that they meet each other; many will be refused. */
export const anyCommand: fc.Arbitrary<Command<unknown>> = fc.oneof(
  fc.constant(createNamespace('local', rule)),
  fc
    .tuple(hubs, fc.integer({ min: 1, max: 3 }), fc.boolean())
    .map(([name, partitionCount, ifNotExists]) => newHub(name, { partitionCount, ifNotExists, groups: ['g1'] })),
  fc
    .tuple(
      hubs,
      fc.constantFrom<HubChange>(
        { partitionCount: 2 },
        { retentionMs: 5000 },
        { retentionMs: null, minCompactionLagMs: 7 },
        { cleanup: 'compact', tombstoneRetentionMs: 9 },
        { cleanup: 'delete-or-compact', partitionCount: 5 },
      ),
    )
    .map(([name, change]) => changeHub(name, change)),
  numbers.map((timeMs) => noteTime(timeMs)),
  hubs.map((name) => deleteHub('local', name)),
  numbers.map((number) => hubRemoved(number)),
  fc
    .tuple(hubs, groups, fc.boolean())
    .map(([hub, group, ifNotExists]) =>
      group === '$Default' ? newGroup(hub, 'g9', ifNotExists) : newGroup(hub, group, ifNotExists),
    ),
  fc.tuple(hubs, groups).map(([hub, group]) => deleteGroup('local', hub, group === '$Default' ? 'g1' : group)),
  fc
    .tuple(numbers, groups, fc.nat({ max: 2 }), fc.nat({ max: 99 }), fc.constantFrom(undefined, null, '1', '2'))
    .map(([hub, group, partition, sequence, ifMatch]) => checkpointAt(hub, sequence, { group, partition, ifMatch })),
  fc
    .tuple(numbers, groups, fc.nat({ max: 2 }))
    .map(([hub, group, partition]) => clearCheckpoint({ hub, hubName: 'hub', group, partition })),
  fc.constant(createAccount({ name: 'ehub', key: 'k' })),
  containers.map((name) => createContainer(name, {})),
  containers.map((name) => setContainerMetadata(name, { m: '1' }, {})),
  containers.map((name) => deleteContainer(name, {})),
  fc
    .tuple(containers, blobNames, fc.constantFrom('', 'content'), fc.constantFrom({}, { ifNoneMatch: '*' as const }))
    .map(([container, name, content, conditions]) =>
      putBlob(container, name, { metadata: { m: '1' }, contentType: null, content: Buffer.from(content) }, conditions),
    ),
  fc
    .tuple(containers, blobNames, fc.constantFrom('a', 'b'))
    .map(([container, name, ownerid]) => setBlobMetadata(container, name, { ownerid }, {})),
  fc.tuple(containers, blobNames).map(([container, name]) => deleteBlob(container, name, {})),
  fc
    .tuple(containers, fc.nat({ max: 2 }), fc.nat({ max: 9 }), fc.constantFrom(undefined, null, '0x000000000000001'))
    .map(([container, partition, sequence, ifMatch]) =>
      setCheckpointBlob({
        ...{ container, hub: 'a', group: 'g1', partition, sequence },
        ...{ offset: sequence, ifMatch, sinceMs: 0 },
      }),
    ),
  fc
    .tuple(numbers, groups, fc.nat({ max: 2 }), fc.constantFrom('me', ''), fc.constantFrom(undefined, null, '1', '2'))
    .map(([hub, group, partition, owner, ifMatch]) =>
      claimOwnership({ hub, hubName: 'hub', group, partition, owner, ifMatch }),
    ),
  fc
    .tuple(containers, fc.nat({ max: 2 }), fc.constantFrom('me', ''), fc.constantFrom(undefined, null))
    .map(([container, partition, owner, ifMatch]) =>
      claimOwnershipBlob({ container, hub: 'a', group: 'g1', partition, owner, ifMatch, sinceMs: 0 }),
    ),
  fc
    .tuple(containers, fc.nat({ max: 2 }))
    .map(([container, partition]) => clearCheckpointBlob({ container, hub: 'a', group: 'g1', partition })),
)

/** Everything in a state, comparable. */
export function contentOf(state: BrokerState): readonly StateRecord[] {
  return [...snapshotRecords(state)]
}

/** The records of a command, none when it is refused. */
export function recordsOf(command: Command<unknown>, state: BrokerState, nowMs: number): readonly StateRecord[] {
  try {
    return command(state, nowMs).records
  } catch (error) {
    if (isEhubError(error)) return []
    throw error
  }
}
