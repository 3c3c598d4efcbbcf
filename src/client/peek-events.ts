// Reads a few stored events of one partition over a short-lived link that takes part in no consumer group's ownership: what
// screens and previews show. It occupies one of the five reader slots of `$Default` only while it reads.

import { type Clock, delay } from '../base/clock.ts'
import { isEhubError } from '../base/error.ts'
import type { HubClient } from './hub-client.ts'
import { type Event, EventReader } from '../wire/events/event.ts'
import { peekReaderName } from '../wire/lag/lag.ts'

/** Longest wait for events that the partition says it has. */
const peekTimeoutMs = 5000

/** Events from `fromSequence` on (inclusive), in order, at most `count`; fewer when the partition has fewer. */
export async function peekEvents(
  client: HubClient,
  clock: Clock,
  partition: number,
  fromSequence: number,
  count: number,
): Promise<readonly Event[]> {
  const id = String(partition)
  const ends = await client.partitionEnds(id)
  const from = Math.max(fromSequence, ends.beginSequence)
  const expected = Math.min(count, ends.endSequence - from)
  if (expected <= 0) return []
  return readSome(client, clock, id, `amqp.annotation.x-opt-sequence-number >= '${from}'`, expected)
}

/** First event a reader with this position filter gets; null when none comes in time, as at the end of the partition. */
export async function peekFirst(
  client: HubClient,
  clock: Clock,
  partition: number,
  selector: string,
): Promise<Event | null> {
  const [event] = await readSome(client, clock, String(partition), selector, 1)
  return event ?? null
}

async function readSome(
  client: HubClient,
  clock: Clock,
  id: string,
  selector: string,
  expected: number,
): Promise<readonly Event[]> {
  const reader = new EventReader(client.hub, id)
  const events: Event[] = []
  const stop = new AbortController()
  const link = await client.openReceiver({
    group: '$Default',
    partition: id,
    selector,
    ownerLevel: null,
    name: peekReaderName,
    onMessage: (buffer, start, end) => {
      if (events.length >= expected) return
      // The bytes are the connection's again after this call.
      reader.read(Buffer.from(buffer.subarray(start, end)), 0, end - start)
      events.push(reader.event())
      if (events.length === expected) stop.abort()
    },
    onReadEnd: () => undefined,
  })
  try {
    link.onDetached((error) => stop.abort(error))
    link.addCredit(expected)
    await delay(clock, peekTimeoutMs, stop.signal).catch((reason: unknown) => {
      if (isEhubError(reason)) throw reason
    })
    return events
  } finally {
    link.close()
  }
}
