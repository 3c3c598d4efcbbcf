// The screen's numbers from a local daemon: lag, readers and checkpoints over the control API, events over AMQP.

import type { Clock } from '../base/clock.ts'
import { EhubError } from '../base/error.ts'
import type { ControlClient } from '../client/control-client.ts'
import type { HubClient } from '../client/hub-client.ts'
import { peekEvents } from '../client/peek-events.ts'
import type { LagSample, PositionRequest } from '../wire/control/contract.ts'
import type { Event } from '../wire/events/event.ts'
import { parsePosition, type Position } from '../wire/events/position.ts'
import type { LagSnapshot, PartitionLag } from '../wire/lag/snapshot.ts'
import { previewText, relativeNext } from './checkpoint-preview.ts'
import type { PartitionRef } from './effects.ts'
import { eventRow } from './event-row.ts'
import type { Sample } from './graph.ts'
import { bytes, clockTimeMs } from './numbers.ts'
import type { TopSource } from './source.ts'
import type { EventRow, ReaderRow } from './state.ts'

/** Events looked at for the line about the next one: it is asked for with every sample. */
const nextEventKeptMs = 5000

export interface DaemonSourceOptions {
  readonly control: ControlClient
  readonly clock: Clock
  /** A client of one hub's events; kept for the next question about the same hub. */
  readonly openHub: (hub: string) => Promise<HubClient>
}

export class DaemonSource implements TopSource {
  readonly #control: ControlClient
  readonly #clock: Clock
  readonly #openHub: (hub: string) => Promise<HubClient>
  readonly #hubs = new Map<string, Promise<HubClient>>()
  #snapshot: LagSnapshot | null = null
  #next: { readonly key: string; readonly atMs: number; readonly text: string | null } | null = null

  constructor(options: DaemonSourceOptions) {
    this.#control = options.control
    this.#clock = options.clock
    this.#openHub = options.openHub
  }

  async sample(): Promise<LagSnapshot> {
    this.#snapshot = await this.#control.call('lag', {})
    return this.#snapshot
  }

  async events({ hub, partition }: PartitionRef, wanted: number): Promise<readonly EventRow[]> {
    const client = await this.#hub(hub)
    const { endSequence } = await client.partitionEnds(String(partition))
    const events = await peekEvents(client, this.#clock, partition, Math.max(0, endSequence - wanted), wanted)
    return events.map(eventRow)
  }

  async readers(hub: string): Promise<readonly ReaderRow[]> {
    const { receivers } = await this.#control.call('listReceivers', { hub })
    return receivers.map(({ deliveredCount, ...reader }) => ({ ...reader, delivered: deliveredCount }))
  }

  async history({ hub, group, partition }: PartitionRef, spanMs: number): Promise<readonly Sample[]> {
    const toMs = this.#clock.now()
    const { samples } = await this.#control.call('lagHistory', { hub, group, partition, fromMs: toMs - spanMs })
    return heldSamples(samples, toMs)
  }

  async nextEvent(ref: PartitionRef): Promise<string | null> {
    const row = this.#row(ref)
    if (row === null || row.lag === 0) return null
    const sequence = Math.max(row.first, (row.checkpoint ?? -1) + 1)
    const key = `${ref.hub}\n${ref.partition}\n${sequence}`
    const now = this.#clock.monotonicMs()
    if (this.#next !== null && (this.#next.key === key || now - this.#next.atMs < nextEventKeptMs)) {
      return this.#next.key === key ? this.#next.text : null
    }
    const [event] = await peekEvents(await this.#hub(ref.hub), this.#clock, ref.partition, sequence, 1)
    const text = event === undefined ? null : eventLine(event)
    this.#next = { key, atMs: now, text }
    return text
  }

  async preview(ref: PartitionRef, text: string): Promise<{ readonly text: string; readonly isRefused: boolean }> {
    const row = this.#row(ref)
    if (row === null) throw new EhubError('partition-not-found', 'this partition is gone')
    const next = await this.#resolve(ref, text)
    return { text: previewText(row, next), isRefused: false }
  }

  async setCheckpoint(ref: PartitionRef, text: string): Promise<string> {
    const next = await this.#resolve(ref, text)
    await this.#control.call('setCheckpoint', { ...ref, sequence: next - 1, isDeliberate: true })
    return `the next event of ${ref.group} on partition ${ref.partition} is ${next.toLocaleString('en-US')}`
  }

  async kick(id: number): Promise<string> {
    await this.#control.call('kickReceiver', { id })
    return `receiver ${id} was disconnected`
  }

  async close(): Promise<void> {
    for (const opening of await Promise.allSettled(this.#hubs.values())) {
      if (opening.status === 'fulfilled') await opening.value.close()
    }
  }

  #hub(hub: string): Promise<HubClient> {
    const known = this.#hubs.get(hub)
    if (known !== undefined) return known
    const opening = this.#openHub(hub)
    this.#hubs.set(hub, opening)
    opening.catch(() => this.#hubs.delete(hub))
    return opening
  }

  #row({ hub, group, partition }: PartitionRef): PartitionLag | null {
    const rows = this.#snapshot?.partitions ?? []
    return rows.find((row) => row.hub === hub && row.group === group && row.partition === partition) ?? null
  }

  /** The sequence number the group would get next. @throws EhubError for what is no position, or lies beyond the end. */
  async #resolve(ref: PartitionRef, text: string): Promise<number> {
    const position = parsePosition(text, this.#clock.now())
    const row = this.#row(ref)
    if (row === null) throw new EhubError('partition-not-found', 'this partition is gone')
    if (position.kind === 'relative') return relativeNext(position, row)
    const { sequence } = await this.#control.call('resolvePosition', {
      hub: ref.hub,
      partition: ref.partition,
      position: requestOf(position),
    })
    return sequence
  }
}

function requestOf(position: Exclude<Position, { kind: 'relative' }>): PositionRequest {
  switch (position.kind) {
    case 'beginning':
      return position
    case 'end':
      return { kind: 'end', isInclusive: false }
    case 'checkpoint':
      throw new EhubError('usage', 'the checkpoint stands there already')
    case 'sequence':
      return position
    case 'offset':
      return { kind: 'offset', offset: Number(position.offset), isInclusive: position.isInclusive }
    case 'time':
      return { kind: 'time', timeMs: position.timeMs, isInclusive: true }
  }
}

/** Points between which a graph may draw straight lines: what was kept is only where the lag changed. */
export function heldSamples(samples: readonly LagSample[], toMs: number): readonly Sample[] {
  // Ten seconds lie between two looks that are kept.
  const stepMs = 10_000
  const points: Sample[] = []
  samples.forEach(({ atMs, lag }, index) => {
    const until = samples[index + 1]?.atMs ?? toMs
    for (let at = atMs; at < until || at === atMs; at += stepMs) points.push({ atMs: at, value: lag })
  })
  return points
}

function eventLine(event: Event): string {
  const { sequence, enqueuedMs, key, body, properties } = eventRow(event)
  const time = clockTimeMs(enqueuedMs)
  return [
    `seq ${sequence.toLocaleString('en-US')}`,
    time,
    key === null ? '' : `key ${key}`,
    bytes(body.length),
    ...properties.slice(0, 2),
  ]
    .filter((part) => part !== '')
    .join('  ')
}
