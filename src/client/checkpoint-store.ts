// Checkpoints and claims for event processors of the official JavaScript SDK, kept by the local daemon over its control API: no
// account, no container, no key. A user's program imports it from the package (`ehub/checkpoint-store`) and hands it to an
// `EventHubConsumerClient`; it has the shape of that SDK's `CheckpointStore` and imports nothing of it.
//
// The namespace's name the SDK passes along is not part of a key here: a daemon's hub is one hub, whatever host it was dialled by.

import { SystemClock } from '../base/clock.ts'
import { isEhubError } from '../base/error.ts'
import { ControlClient } from './control-client.ts'
import { findDaemon } from './discovery.ts'

export interface EhubCheckpointStoreOptions {
  /** Data folder of the daemon; not given: the daemon started last. */
  readonly dataDir?: string
  /** `$daemon`, also when not given, or the name of a container, to stand beside processors that keep theirs in blobs. */
  readonly store?: string
  /** Longest wait for one answer of the daemon, milliseconds; 10,000 when not given. */
  readonly timeoutMs?: number
}

/** As the SDK's type of that name. */
export interface PartitionOwnership {
  fullyQualifiedNamespace: string
  eventHubName: string
  consumerGroup: string
  partitionId: string
  /** Empty: given back. */
  ownerId: string
  lastModifiedTimeInMs?: number
  etag?: string
}

/** As the SDK's type of that name. */
export interface Checkpoint {
  fullyQualifiedNamespace: string
  eventHubName: string
  consumerGroup: string
  partitionId: string
  sequenceNumber: number
  offset: string
}

/** What of the SDK's operation options is honoured. */
export interface StoreOperationOptions {
  readonly abortSignal?: { readonly aborted: boolean }
}

/**
 * Every method rejects with an error that has a `code` (docs/CLI.md, "Exit codes") when the daemon is not there or refuses, and
 * with an `AbortError` when its signal was aborted before it asked.
 */
export class EhubCheckpointStore {
  readonly #options: EhubCheckpointStoreOptions
  readonly #store: string
  readonly #clock = new SystemClock()

  constructor(options: EhubCheckpointStoreOptions = {}) {
    this.#options = options
    this.#store = options.store ?? '$daemon'
  }

  /** Every claim there was, those given back too, in order of partition. */
  async listOwnership(
    fullyQualifiedNamespace: string,
    eventHubName: string,
    consumerGroup: string,
    options: StoreOperationOptions = {},
  ): Promise<PartitionOwnership[]> {
    const request = { hub: eventHubName, group: consumerGroup, store: this.#store }
    const { owners } = await this.#control(options).call('listOwners', request)
    return owners.map(({ partition, owner, updatedAtMs, etag }) => ({
      ...{ fullyQualifiedNamespace, eventHubName, consumerGroup, partitionId: String(partition) },
      ...{ ownerId: owner ?? '', lastModifiedTimeInMs: updatedAtMs, etag },
    }))
  }

  /** Those that were carried out; one that another processor was faster with is left out. */
  async claimOwnership(
    partitionOwnership: PartitionOwnership[],
    options: StoreOperationOptions = {},
  ): Promise<PartitionOwnership[]> {
    const control = this.#control(options)
    const claims = partitionOwnership.map(async (wanted) => {
      const { eventHubName: hub, consumerGroup: group, partitionId, ownerId, etag } = wanted
      try {
        const claimed = await control.call('claimOwnership', {
          ...{ hub, group, partition: Number(partitionId), store: this.#store },
          ...{ owner: ownerId === '' ? null : ownerId, ifMatch: etag ?? null },
        })
        return [{ ...wanted, lastModifiedTimeInMs: claimed.updatedAtMs, etag: claimed.etag }]
      } catch (error) {
        if (isEhubError(error) && error.code === 'ownership-conflict') return []
        throw error
      }
    })
    return (await Promise.all(claims)).flat()
  }

  async updateCheckpoint(checkpoint: Checkpoint, options: StoreOperationOptions = {}): Promise<void> {
    const { eventHubName: hub, consumerGroup: group, partitionId, sequenceNumber: sequence, offset } = checkpoint
    const place = { hub, group, partition: Number(partitionId), store: this.#store }
    await this.#control(options).call('setCheckpoint', { ...place, sequence, offset })
  }

  /** In order of partition. */
  async listCheckpoints(
    fullyQualifiedNamespace: string,
    eventHubName: string,
    consumerGroup: string,
    options: StoreOperationOptions = {},
  ): Promise<Checkpoint[]> {
    const request = { hub: eventHubName, group: consumerGroup, store: this.#store }
    const { checkpoints } = await this.#control(options).call('listCheckpoints', request)
    return checkpoints.map(({ partition, sequence, offset }) => ({
      ...{ fullyQualifiedNamespace, eventHubName, consumerGroup, partitionId: String(partition) },
      ...{ sequenceNumber: sequence, offset },
    }))
  }

  /** Looked up anew each time: a restarted daemon is another process. */
  #control({ abortSignal }: StoreOperationOptions): ControlClient {
    if (abortSignal?.aborted === true) {
      throw Object.assign(new Error('The operation was aborted.'), { name: 'AbortError' })
    }
    const { socketPath } = findDaemon({ env: process.env, dataFolder: this.#options.dataDir ?? null })
    return new ControlClient({ socketPath, clock: this.#clock, timeoutMs: this.#options.timeoutMs ?? 10_000 })
  }
}
