// `ehub purge`: what a position means for each partition, asked first, then the trims.

import type { ControlClient } from '../client/control-client.ts'
import type { TrimReply } from '../wire/control/contract.ts'
import { parsePositionSpec, positionOf } from '../wire/events/position.ts'
import { nextSequenceAt } from './next-sequence.ts'

/**
 * @param ask Told how many events will go; rejects to stop before anything does. Not called when there are none.
 * @throws EhubError `usage`, `hub-not-found`, `position-out-of-range`, and what `ask` throws.
 */
export async function purge(
  control: ControlClient,
  name: string,
  before: string,
  nowMs: number,
  ask: (events: number) => Promise<void>,
): Promise<readonly TrimReply[]> {
  const spec = parsePositionSpec(before, nowMs)
  const hub = await control.call('describeHub', { hub: name })
  const wanted: { readonly partition: number; readonly sequence: number }[] = []
  let events = 0
  for (const partition of hub.partitions) {
    const position = positionOf(spec, partition.partition)
    if (position === null) continue
    const sequence = await nextSequenceAt({ control, hub: hub.name }, partition, position)
    events += Math.max(0, sequence - partition.beginSequence)
    wanted.push({ partition: partition.partition, sequence })
  }
  if (events > 0) await ask(events)
  const trims: TrimReply[] = []
  for (const one of wanted) trims.push(await control.call('purgePartition', { hub: hub.name, ...one }))
  return trims
}
