// The screen's numbers from a namespace without a control API: lag from the container of its processors, events over AMQP. Who
// reads there, and what the lag was before the screen was opened, is not to be seen from outside.

import type { Clock } from '../base/clock.ts'
import { EhubError } from '../base/error.ts'
import type { BlobCheckpoints } from '../client/blob-checkpoints.ts'
import { peekEvents, peekFirst } from '../client/peek-events.ts'
import type { RemoteLag } from '../client/remote-lag.ts'
import { formatSelector } from '../wire/amqp/selector.ts'
import { parsePosition, type Position } from '../wire/events/position.ts'
import type { LagSnapshot, PartitionLag } from '../wire/lag/snapshot.ts'
import { previewText, relativeNext } from './checkpoint-preview.ts'
import type { PartitionRef } from './effects.ts'
import { eventRow } from './event-row.ts'
import type { Sample } from './graph.ts'
import type { TopSource } from './source.ts'
import type { EventRow, ReaderRow } from './state.ts'

export interface RemoteSourceOptions {
  readonly lag: RemoteLag
  readonly store: BlobCheckpoints
  readonly clock: Clock
}

export class RemoteSource implements TopSource {
  readonly #lag: RemoteLag
  readonly #store: BlobCheckpoints
  readonly #clock: Clock
  #snapshot: LagSnapshot | null = null

  constructor({ lag, store, clock }: RemoteSourceOptions) {
    this.#lag = lag
    this.#store = store
    this.#clock = clock
  }

  async sample(): Promise<LagSnapshot> {
    this.#snapshot = await this.#lag.sample()
    return this.#snapshot
  }

  async events({ hub, partition }: PartitionRef, wanted: number): Promise<readonly EventRow[]> {
    const client = await this.#lag.client(hub)
    const { endSequence } = await client.partitionEnds(String(partition))
    const events = await peekEvents(client, this.#clock, partition, Math.max(0, endSequence - wanted), wanted)
    return events.map(eventRow)
  }

  async readers(_hub: string): Promise<readonly ReaderRow[]> {
    throw new EhubError('not-supported', 'who reads is not to be seen from outside the service')
  }

  async history({ hub, group, partition }: PartitionRef, spanMs: number): Promise<readonly Sample[]> {
    const samples = this.#lag.history(hub, group, partition, this.#clock.now() - spanMs)
    return samples.map(({ atMs, lag }) => ({ atMs, value: lag }))
  }

  /** Would take one of the five places of readers with every sample. */
  async nextEvent(_ref: PartitionRef): Promise<string | null> {
    return null
  }

  async preview(ref: PartitionRef, text: string): Promise<{ readonly text: string; readonly isRefused: boolean }> {
    const row = this.#row(ref)
    return { text: previewText(row, await this.#resolve(ref, row, text)), isRefused: false }
  }

  async setCheckpoint(ref: PartitionRef, text: string): Promise<string> {
    const row = this.#row(ref)
    const next = await this.#resolve(ref, row, text)
    const stored = this.#lag.storedGroup(ref.hub, ref.group)?.checkpoints.get(ref.partition)
    if (stored !== undefined && stored.blob === null) {
      throw new EhubError('not-supported', 'leases of the library before the SDKs of today are not written')
    }
    const known = stored?.blob ?? null
    await this.#store.write(ref, known, { sequence: next - 1, offset: await this.#offsetOf(ref, row, next - 1) })
    return `the next event of ${ref.group} on partition ${ref.partition} is ${next.toLocaleString('en-US')}`
  }

  async kick(_id: number): Promise<string> {
    throw new EhubError('not-supported', 'readers cannot be disconnected from outside the service')
  }

  close(): Promise<void> {
    return this.#lag.close()
  }

  #row({ hub, group, partition }: PartitionRef): PartitionLag {
    const rows = this.#snapshot?.partitions ?? []
    const row = rows.find((known) => known.hub === hub && known.group === group && known.partition === partition)
    if (row === undefined) throw new EhubError('partition-not-found', 'this partition is gone')
    return row
  }

  /** SDKs go on behind the offset: that of the last event handled, or of before the first one there is. */
  async #offsetOf({ hub, partition }: PartitionRef, row: PartitionLag, sequence: number): Promise<number> {
    if (sequence < row.first) return -1
    const [event] = await peekEvents(await this.#lag.client(hub), this.#clock, partition, sequence, 1)
    const offset = Number(event?.offset ?? Number.NaN)
    if (event?.sequence === sequence && Number.isSafeInteger(offset)) return offset
    throw new EhubError('position-out-of-range', `the event ${sequence} of partition ${partition} was not found`)
  }

  /** Sequence number the group would get next. */
  async #resolve(ref: PartitionRef, row: PartitionLag, text: string): Promise<number> {
    const position = parsePosition(text, this.#clock.now())
    const end = row.last + 1
    switch (position.kind) {
      case 'checkpoint':
        throw new EhubError('usage', 'the checkpoint stands there already')
      case 'beginning':
        return row.first
      case 'end':
        return end
      case 'relative':
        return relativeNext(position, row)
      case 'sequence': {
        const next = position.isInclusive ? position.sequence : position.sequence + 1
        if (next <= end) return Math.max(row.first, next)
        throw new EhubError('position-out-of-range', `partition ${ref.partition} ends at ${end}`)
      }
      case 'offset':
      case 'time':
        return this.#firstAt(ref, row, position)
    }
  }

  async #firstAt(
    { hub, partition }: PartitionRef,
    row: PartitionLag,
    position: Position & { readonly kind: 'offset' | 'time' },
  ): Promise<number> {
    if (row.last < row.first) return row.last + 1
    const client = await this.#lag.client(hub)
    const selector =
      position.kind === 'time'
        ? formatSelector({ kind: 'time', timeMs: position.timeMs - 1, isInclusive: false })
        : formatSelector({ kind: 'offset', offset: Number(position.offset), isInclusive: position.isInclusive })
    const { lastEnqueuedTimeMs } = await client.partitionEnds(String(partition))
    // A reader there would wait for what is still to come.
    if (position.kind === 'time' && position.timeMs > lastEnqueuedTimeMs) return row.last + 1
    return (await peekFirst(client, this.#clock, partition, selector))?.sequence ?? row.last + 1
  }
}
