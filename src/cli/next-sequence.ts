// Which event a position means, asked of the daemon.

import { EhubError } from '../base/error.ts'
import type { ControlClient } from '../client/control-client.ts'
import type { PartitionReply, PositionRequest } from '../wire/control/contract.ts'
import type { Position } from '../wire/events/position.ts'

export interface HubAt {
  readonly control: ControlClient
  readonly hub: string
}

/** Sequence number a reader from there gets first. */
export async function nextSequenceAt(
  { control, hub }: HubAt,
  partition: PartitionReply,
  position: Position,
): Promise<number> {
  const { beginSequence, lastSequence } = partition
  const end = lastSequence + 1
  if (position.kind === 'relative') {
    return position.to === 'beginning'
      ? Math.min(end, beginSequence + position.count)
      : Math.max(beginSequence, end - position.count)
  }
  const { sequence } = await control.call('resolvePosition', {
    hub,
    partition: partition.partition,
    position: requestOf(position, partition),
  })
  return sequence
}

function requestOf(position: Position, { partition, lastSequence }: PartitionReply): PositionRequest {
  switch (position.kind) {
    case 'beginning':
      return { kind: 'beginning' }
    case 'end':
      return { kind: 'end', isInclusive: false }
    case 'sequence':
      if (position.sequence > lastSequence + 1) {
        const end = `partition ${partition} ends at ${lastSequence + 1}`
        throw new EhubError('position-out-of-range', `sequence number ${position.sequence} is not there yet, ${end}`)
      }
      return { kind: 'sequence', sequence: position.sequence, isInclusive: position.isInclusive }
    case 'offset':
      return { kind: 'offset', offset: Number(position.offset), isInclusive: position.isInclusive }
    case 'time':
      return { kind: 'time', timeMs: position.timeMs, isInclusive: true }
    case 'relative':
    case 'checkpoint':
      throw new EhubError('usage', `"${position.kind}" names no event here`)
  }
}
