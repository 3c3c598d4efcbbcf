// What can be asked about one partition: where a position lies, what is stored, whether it holds.

import { isEhubError } from '../../base/error.ts'
import type { LogStatistics, PartitionLog } from '../storage/storage-engine.ts'
import type { Caller, PartitionDescription, StartPosition, VerifyStep } from './broker-api.ts'
import { checkRight } from './callers.ts'
import type { InProgress } from './in-progress.ts'
import type { OpenHubs } from './open-hubs.ts'
import type { Partition } from './partition.ts'
import { managementPath } from './paths.ts'
import { nextEventAt, placePosition, searchPlacement } from './positions.ts'
import type { HubState } from './state.ts'
import { verifyStep } from './verify.ts'

/** Payload looked at in one step of a check: some tens of milliseconds. */
const verifyStepBytes = 16 * 1024 * 1024

export interface PartitionQueriesInput {
  readonly hubs: OpenHubs
  readonly inProgress: InProgress
  /** @throws EhubError `hub-not-found`, `server-busy`. */
  readonly find: (namespace: string, hub: string) => HubState
}

/** As the methods of the same names of `Broker`. */
export class PartitionQueries {
  readonly #input: PartitionQueriesInput

  constructor(input: PartitionQueriesInput) {
    this.#input = input
  }

  describePartition(caller: Caller, hub: string, partition: string): PartitionDescription {
    return this.#find(caller, 'any', hub, partition).describe()
  }

  resolvePosition(caller: Caller, hub: string, partition: number, position: StartPosition): Promise<number> {
    return this.#input.inProgress.run(async () => {
      const found = this.#find(caller, 'any', hub, partition)
      await found.retained.look()
      const sequence = await searchPlacement(found, placePosition(position, found.ends()))
      return survivorAtOrAfter(found.log, sequence)
    })
  }

  enqueuedTimeOf(caller: Caller, hub: string, partition: number, sequence: number): Promise<number | null> {
    return this.#input.inProgress.run(async () => {
      const { log, retained } = this.#find(caller, 'any', hub, partition)
      await retained.look()
      return (await nextEventAt(log, Math.max(sequence, retained.start.sequence))).timeMs
    })
  }

  async verifyPartition(
    caller: Caller,
    hub: string,
    partition: number,
    from: VerifyStep['next'] | null,
  ): Promise<VerifyStep> {
    return verifyStep(this.#find(caller, 'manage', hub, partition).log, from, verifyStepBytes)
  }

  damageOf(caller: Caller, hub: string, partition: number): LogStatistics['damaged'] {
    return this.#find(caller, 'manage', hub, partition).log.statistics().damaged
  }

  #find(caller: Caller, right: 'any' | 'manage', hub: string, partition: number | string): Partition {
    checkRight(caller, right, managementPath(hub))
    const { hubs, find } = this.#input
    return hubs.get(find(caller.namespace, hub)).partitionOfText(String(partition))
  }
}

/** Where compaction took events, the next one that is left. */
async function survivorAtOrAfter(log: PartitionLog, sequence: number): Promise<number> {
  try {
    return (await nextEventAt(log, sequence)).sequence
  } catch (error) {
    // What a reader from there meets is told when it reads.
    if (isEhubError(error, 'storage-corrupt') || isEhubError(error, 'sequence-trimmed')) return sequence
    throw error
  }
}
