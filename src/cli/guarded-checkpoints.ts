// Checkpoints of partitions that others may take from us at any moment: every write is a compare-and-set on what we saw last, so
// that a write that comes late never sets a group back. A checkpoint only moves forward here, unless a person moved it back while
// the partition is ours: then the next event handled says where we are, as with every other processor.

import { isEhubError } from '../base/error.ts'
import type { ControlClient } from '../client/control-client.ts'
import type { CheckpointReply } from '../wire/control/contract.ts'
import type { EventMark } from './checkpointer.ts'

export interface GuardedCheckpointsOptions {
  readonly control: ControlClient
  readonly hub: string
  readonly group: string
  readonly store: string
  readonly owner: string
}

// Somebody else writes it in between each time we look: not with one owner at a time.
const attemptsMax = 5

export class GuardedCheckpoints {
  readonly #options: GuardedCheckpointsOptions
  /** Etag seen last, by partition; null: there was none. */
  readonly #etags = new Map<number, string | null>()

  constructor(options: GuardedCheckpointsOptions) {
    this.#options = options
  }

  /** Sequence number of the last event handled; null: the group has no checkpoint there. @throws EhubError. */
  async read(partition: number): Promise<number | null> {
    const stored = await this.#stored(partition)
    this.#etags.set(partition, stored?.etag ?? null)
    return stored?.sequence ?? null
  }

  /**
   * Keeps it unless the group is as far already, or the partition is not ours any more.
   * @throws EhubError `checkpoint-conflict` when it is ours and still somebody else writes it each time.
   */
  async keep(mark: EventMark): Promise<void> {
    const partition = Number(mark.partition)
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#write(partition, mark)
      } catch (error) {
        const isConflict = isEhubError(error) && error.code === 'checkpoint-conflict'
        if (!isConflict || attempt === attemptsMax) throw error
      }
      // In this order: a new owner claims before it writes, so what was read before the claim still stood is of our time.
      const stored = await this.#stored(partition)
      if (stored !== undefined && stored.sequence >= mark.sequence) return
      if (!(await this.#isOurs(partition))) return
      // Not before: with this etag the next write goes through, whoever owns the partition by then.
      this.#etags.set(partition, stored?.etag ?? null)
    }
  }

  async #stored(partition: number): Promise<CheckpointReply | undefined> {
    const { control, hub, group, store } = this.#options
    const { checkpoints } = await control.call('listCheckpoints', { hub, group, store })
    return checkpoints.find((row) => row.partition === partition)
  }

  async #write(partition: number, { sequence, offset }: EventMark): Promise<void> {
    const { control, hub, group, store, owner } = this.#options
    const ifMatch = this.#etags.get(partition) ?? null
    const place = { hub, group, partition, store, owner, ifMatch }
    const { etag } = await control.call('setCheckpoint', {
      ...{ ...place, sequence },
      ...(offset === null ? {} : { offset }),
    })
    this.#etags.set(partition, etag)
  }

  async #isOurs(partition: number): Promise<boolean> {
    const { control, hub, group, store, owner } = this.#options
    const { owners } = await control.call('listOwners', { hub, group, store })
    return owners.some((row) => row.partition === partition && row.owner === owner)
  }
}
