// What each operation of the control API does: one broker call and its translation. Nothing is decided here.

import { EhubError, isEhubError } from '../../../base/error.ts'
import type { CaptureOperations } from '../../../wire/control/capture-contract.ts'
import type {
  CheckpointRefusal,
  CheckpointReply,
  ClockReply,
  ControlOperation,
  ControlReply,
  ControlRequest,
  HubDetailsReply,
  FindingReply,
  HubReply,
  HubSettingsReply,
  LagSample,
  PartitionReply,
  StatusReply,
} from '../../../wire/control/contract.ts'
import { entityKey } from '../../../wire/entity-names.ts'
import type { LagSnapshot } from '../../../wire/lag/snapshot.ts'
import type { Broker, Caller, Checkpoint, HubDescription, PartitionDescription } from '../../broker/broker-api.ts'
import { type HubSettings, isCleanup } from '../../broker/settings.ts'
import type { Durability } from '../../storage/storage-engine.ts'

/** What the daemon as a whole knows and does; the broker knows nothing of processes. */
export interface DaemonFacts {
  /** Of the broker's clock. */
  nowMs(): number
  status(): StatusReply
  readonly clock: {
    show(): ClockReply
    move(request: ControlRequest<'moveClock'>): Promise<ClockReply>
  }
  /** Looks at what is around the broker: disk, ports, certificates, clock, damage, reader slots. */
  diagnose(): Promise<readonly FindingReply[]>
  /** Begins the end, after this call has returned. `graceMs`: how long to wait for what is in flight; null: the default. */
  shutdown(graceMs: number | null): void
}

/** How far the consumer groups are behind, as the daemon sees it over time. */
export interface LagView {
  readonly snapshot: LagSnapshot
  /** A look now. */
  sample(): Promise<void>
  /** @throws EhubError `hub-not-found`. */
  noteDeliberateMove(hub: string, group: string, partition: number): void
  history(hub: string, group: string, partition: number, fromMs: number): Promise<readonly LagSample[]>
}

export type ControlHandlers = {
  readonly [O in ControlOperation]: (request: ControlRequest<O>) => ControlReply<O> | Promise<ControlReply<O>>
}

/** What Capture answers itself. */
export type CaptureHandlers = Pick<ControlHandlers, keyof CaptureOperations>

const done = {}

/** @param caller The owner's: the socket's permissions are the authentication. */
export function controlHandlers(
  broker: Broker,
  caller: Caller,
  daemon: DaemonFacts,
  lag: LagView,
  capture: CaptureHandlers,
): ControlHandlers {
  const partitionsOf = (hub: HubDescription): PartitionDescription[] =>
    Array.from({ length: hub.partitionCount }, (_, index) => broker.describePartition(caller, hub.name, String(index)))

  return {
    ...capture,
    status: () => daemon.status(),
    shutdown: ({ graceMs }) => {
      if (graceMs !== undefined && graceMs < 0) throw new EhubError('argument-error', '"graceMs" must not be negative')
      daemon.shutdown(graceMs ?? null)
      return done
    },
    listHubs: async () => {
      await broker.retention.look(caller, null, null)
      return { hubs: broker.listHubs(caller).map((hub) => hubReply(hub, partitionsOf(hub))) }
    },
    createHub: async ({ hub, durability, cleanup, ...rest }) => {
      const made = await broker.createHub(caller, {
        name: hub,
        ...rest,
        ...cleanupOf(cleanup),
        ...(durability === undefined ? {} : { durability: parseDurability(durability) }),
      })
      return hubReply(made, partitionsOf(made))
    },
    updateHub: async ({ hub, cleanup, ...rest }) => {
      const changed = await broker.updateHub(caller, hub, { ...rest, ...cleanupOf(cleanup) })
      return hubReply(changed, partitionsOf(changed))
    },
    describeHub: async ({ hub }): Promise<HubDetailsReply> => {
      await broker.retention.look(caller, hub, null)
      const description = broker.describeHub(caller, hub)
      const partitions = partitionsOf(description)
      return {
        ...hubReply(description, partitions),
        partitions: partitions.map(partitionReply),
        receivers: broker.listReceivers(caller, hub),
      }
    },
    compactPartition: ({ hub, partition }) => broker.compaction.run(caller, hub, partition),
    expireHub: async ({ hub, isClockRight }) => {
      const partitions = await broker.retention.expire(caller, hub, isClockRight ?? false)
      return { partitions, doubt: broker.retention.status(caller).doubt }
    },
    purgePartition: ({ hub, partition, sequence }) => broker.retention.purge(caller, hub, partition, sequence),
    deleteHub: async ({ hub }) => {
      await broker.deleteHub(caller, hub)
      return done
    },
    createGroup: async ({ hub, group, ifNotExists }) => {
      await broker.createGroup(caller, hub, group, ifNotExists ?? false)
      return done
    },
    deleteGroup: async ({ hub, group }) => {
      await broker.deleteGroup(caller, hub, group)
      return done
    },
    listRules: () => ({ rules: broker.listRules(caller) }),
    storageAccount: () => broker.blobs.account,
    listReceivers: ({ hub }) => ({ receivers: broker.listReceivers(caller, hub ?? null) }),
    kickReceiver: ({ id }) => {
      broker.kickReceiver(caller, id)
      return done
    },
    listCheckpoints: ({ hub, group, store }) => ({
      checkpoints: broker.checkpoints(caller, hub, group, store).map(checkpointReply),
    }),
    listOwners: ({ hub, group, store }) => ({
      owners: broker.owners(caller, hub, group, store),
      nowMs: daemon.nowMs(),
    }),
    claimOwnership: ({ hub, group, partition, owner, ...claim }) =>
      broker.claimOwnership(caller, hub, group, partition, { owner: owner ?? null, ...claim }),
    setCheckpoint: async ({ hub, group, partition, offset, isDeliberate, ...write }) => {
      const checkpoint = await broker.setCheckpoint(caller, hub, group, partition, {
        ...write,
        ...(offset === undefined ? {} : { offset: parseOffset(offset) }),
      })
      if (isDeliberate === true) lag.noteDeliberateMove(checkpoint.hub, checkpoint.group, partition)
      return checkpointReply(checkpoint)
    },
    setCheckpoints: async ({ hub, group, checkpoints, isDeliberate, ...rest }) => {
      const refused: CheckpointRefusal[] = []
      const writes = checkpoints.map(async ({ partition, sequence, offset }) => {
        try {
          const where = offset === undefined ? {} : { offset: parseOffset(offset) }
          const set = await broker.setCheckpoint(caller, hub, group, partition, { ...rest, sequence, ...where })
          if (isDeliberate === true) lag.noteDeliberateMove(set.hub, set.group, partition)
        } catch (error) {
          if (!isEhubError(error)) throw error
          refused.push({ partition, code: error.code, message: error.message })
        }
      })
      await Promise.all(writes)
      return { refused }
    },
    clearCheckpoint: async ({ hub, group, partition, store }) => {
      await broker.clearCheckpoint(caller, hub, group, partition, store)
      return done
    },
    lag: async ({ hub, group, isFresh }) => {
      if (hub !== undefined) broker.describeHub(caller, hub)
      if (isFresh === true) await lag.sample()
      return selectLag(lag.snapshot, hub, group)
    },
    lagHistory: async ({ hub, group, partition, fromMs }) => ({
      samples: await lag.history(broker.describeHub(caller, hub).name, group, partition, fromMs),
    }),
    verifyPartition: ({ hub, partition, sequence, offset, timeMs }) =>
      broker.verifyPartition(
        caller,
        hub,
        partition,
        sequence === undefined ? null : { sequence, offset: offset ?? 0, timeMs: timeMs ?? 0 },
      ),
    showClock: () => daemon.clock.show(),
    moveClock: (request) => daemon.clock.move(request),
    diagnose: async () => ({ findings: await daemon.diagnose() }),
    resolvePosition: async ({ hub, partition, position }) => ({
      sequence: await broker.resolvePosition(caller, hub, partition, position),
    }),
  }
}

function selectLag(snapshot: LagSnapshot, hub: string | undefined, group: string | undefined): LagSnapshot {
  // Names are compared as the broker compares them.
  const isSame = (name: string, wanted: string | undefined) =>
    wanted === undefined || entityKey(name) === entityKey(wanted)
  return {
    ...snapshot,
    hubs: snapshot.hubs.filter((row) => isSame(row.hub, hub)),
    partitions: snapshot.partitions.filter((row) => isSame(row.hub, hub) && isSame(row.group, group)),
  }
}

function hubReply(hub: HubDescription, partitions: readonly PartitionDescription[]): HubReply {
  return {
    name: hub.name,
    createdAtMs: hub.createdAtMs,
    partitionCount: hub.partitionCount,
    durability: hub.durability,
    retentionMs: hub.retentionMs,
    cleanup: hub.cleanup,
    tombstoneRetentionMs: hub.tombstoneRetentionMs,
    minCompactionLagMs: hub.minCompactionLagMs,
    groups: hub.groups,
    events: partitions.reduce((sum, partition) => sum + eventsIn(partition), 0),
    storedBytes: partitions.reduce((sum, partition) => sum + partition.storedBytes, 0),
  }
}

function eventsIn({ isEmpty, beginSequence, lastSequence }: PartitionDescription): number {
  return isEmpty ? 0 : lastSequence - beginSequence + 1
}

function partitionReply(partition: PartitionDescription): PartitionReply {
  const { beginSequence, lastSequence, lastOffset, lastEnqueuedTimeMs, isEmpty, storedBytes } = partition
  return {
    partition: partition.partition,
    beginSequence,
    lastSequence,
    lastOffset: String(lastOffset),
    lastEnqueuedTimeMs,
    isEmpty,
    storedBytes,
  }
}

function checkpointReply({ offset, ...checkpoint }: Checkpoint): CheckpointReply {
  return { ...checkpoint, offset: String(offset) }
}

const durabilities: ReadonlySet<string> = new Set<Durability>(['sync', 'os', 'memory'])

function parseDurability(text: string): Durability {
  if (!isDurability(text)) {
    throw new EhubError('argument-error', `"${text}" is no durability: it is sync, os or memory`)
  }
  return text
}

function cleanupOf(text: HubSettingsReply['cleanup'] | undefined): Pick<Partial<HubSettings>, 'cleanup'> {
  if (text === undefined) return {}
  if (isCleanup(text)) return { cleanup: text }
  throw new EhubError('argument-error', `"${text}" is no cleanup policy: it is delete, compact or delete-or-compact`)
}

function isDurability(text: string): text is Durability {
  return durabilities.has(text)
}

function parseOffset(text: string): number {
  const offset = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(offset)) {
    throw new EhubError('argument-error', `"${text}" is no offset: a decimal number of bytes`)
  }
  return offset
}
