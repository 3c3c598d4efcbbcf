// The least of a broker that the control API can be served from: one hub, calls written down.

import { EhubError } from '../../../../src/base/error.ts'
import { partition } from '../../../tui/fixture.ts'
import type { CaptureHandlers, LagView } from '../../../../src/daemon/protocols/control/operations.ts'
import type { Broker, Caller, HubDescription } from '../../../../src/daemon/broker/broker-api.ts'

export const owner: Caller = {
  name: 'owner',
  namespace: '',
  can: () => true,
  whenRightsLapse: () => ({ stop: () => undefined }),
  close: () => undefined,
}

export interface FakeBroker {
  readonly broker: Broker
  readonly calls: unknown[][]
}

export function fakeBroker(): FakeBroker {
  const calls: unknown[][] = []
  const hub: HubDescription = {
    name: 'orders',
    id: 'h1',
    createdAtMs: 1000,
    partitionCount: 2,
    durability: 'sync',
    retentionMs: 604_800_000,
    cleanup: 'delete',
    tombstoneRetentionMs: 86_400_000,
    minCompactionLagMs: 0,
    groups: ['$Default'],
  }
  const find = (name: string): HubDescription => {
    if (name !== 'orders') throw new EhubError('hub-not-found', `no hub "${name}"`, { hint: 'did you mean "orders"?' })
    return hub
  }
  const broker: Partial<Broker> = {
    ownerCaller: () => owner,
    listHubs: () => [hub],
    describeHub: (_, name) => find(name),
    describePartition: (_, hub, partition) => ({
      hub,
      partition: Number(partition),
      beginSequence: 0,
      lastSequence: partition === '0' ? 9 : -1,
      lastOffset: partition === '0' ? 4096 : -1,
      lastEnqueuedTimeMs: partition === '0' ? 2000 : null,
      isEmpty: partition !== '0',
      storedBytes: partition === '0' ? 5000 : 0,
    }),
    listReceivers: () => [],
    listRules: () => [
      { name: 'RootManageSharedAccessKey', rights: ['manage'], primaryKey: 'a2V5', secondaryKey: 'a2V5Mg==' },
    ],
    createHub: async (_, command) => {
      calls.push(['createHub', command])
      return { ...hub, name: command.name }
    },
    updateHub: async (_, name, change) => {
      calls.push(['updateHub', find(name).name, change])
      return { ...hub, ...change }
    },
    retention: {
      look: async () => undefined,
      expire: async (_, name, isClockRight) => {
        calls.push(['expire', find(name).name, isClockRight])
        return [{ partition: 0, events: 3, bytes: 30, heldFrom: null }]
      },
      purge: async (_, name, partition, sequence) => {
        calls.push(['purge', find(name).name, partition, sequence])
        return { partition, events: 3, bytes: 30, heldFrom: 7 }
      },
      status: () => ({ doubt: null, lastLapAtMs: null, failures: 0, hubs: [] }),
    },
    compaction: {
      run: async (_, name, partition) => {
        calls.push(['compact', find(name).name, partition])
        return { ...compacted, partition }
      },
      status: () => ({ lastLapAtMs: null, failures: 0, hubs: [] }),
    },
    deleteHub: async (_, name) => {
      calls.push(['deleteHub', find(name).name])
    },
    createGroup: async (_, name, group, ifNotExists) => {
      calls.push(['createGroup', name, group, ifNotExists])
    },
    setCheckpoint: async (_, name, group, partition, write) => {
      calls.push(['setCheckpoint', name, group, partition, write])
      return {
        hub: name,
        group,
        partition,
        store: '$daemon',
        sequence: write.sequence,
        offset: write.offset ?? 0,
        enqueuedTimeMs: null,
        owner: write.owner ?? null,
        updatedAtMs: 3000,
        etag: 'e1',
      }
    },
    resolvePosition: async (_, name, partition, position) => {
      calls.push(['resolvePosition', name, partition, position])
      return 7
    },
    kickReceiver: () => {
      throw new TypeError('a bug')
    },
  }
  return { broker: broker as Broker, calls }
}

/** Two partitions of two groups; deliberate moves and questions are noted. */
export function fakeLag(calls: unknown[][]): LagView {
  return {
    snapshot: {
      atMs: 1000,
      sampleMs: 1000,
      store: 'daemon',
      hubs: [],
      partitions: [partition('orders', '$Default', 0), partition('orders', 'billing', 0)],
    },
    sample: async () => void calls.push(['sample']),
    noteDeliberateMove: (...move) => void calls.push(['noteDeliberateMove', ...move]),
    history: async (...asked) => {
      calls.push(['history', ...asked])
      return [{ atMs: 900, lag: 4 }]
    },
  }
}

/** No hub is captured. */
export const fakeCapture: CaptureHandlers = {
  describeCapture: () => ({ capture: null }),
  enableCapture: () => {
    throw new EhubError('not-allowed', 'no Capture here')
  },
  disableCapture: () => ({}),
  flushCapture: () => ({ files: 0 }),
  listCapture: () => ({ files: [] }),
}

const compacted = {
  isDone: true,
  fromSequence: 2,
  toSequence: 9,
  cleanSequence: 9,
  passes: 1,
  segments: 3,
  segmentsSkipped: 0,
  segmentsRewritten: 2,
  segmentsWritten: 1,
  eventsKept: 4,
  eventsRemoved: 5,
  bytesBefore: 900,
  bytesAfter: 400,
}
