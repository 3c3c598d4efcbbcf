// `ehub checkpoint`: shows, sets and deletes the checkpoints of a group. A checkpoint names the last event handled, so
// setting one to a position stores the sequence number before it.

import type { Clock } from '../base/clock.ts'
import { EhubError } from '../base/error.ts'
import type { ControlClient } from '../client/control-client.ts'
import type { CheckpointReply, HubDetailsReply, PartitionReply, PositionRequest } from '../wire/control/contract.ts'
import { parsePositionSpec, type Position, positionOf } from '../wire/events/position.ts'
import { isoTime } from '../wire/events/json-value.ts'
import { confirm } from './confirm.ts'
import type { Output } from './output.ts'
import { choosePartitions, groupOf } from './receive-command.ts'

export interface CheckpointFlags {
  readonly group: string
  readonly partition?: string | undefined
  readonly to?: string | undefined
  readonly delete: boolean
  readonly 'dry-run': boolean
  readonly json: boolean
  readonly yes: boolean
  readonly 'no-input': boolean
}

export interface CheckpointCommandOptions {
  readonly flags: CheckpointFlags
  readonly clock: Clock
  readonly output: Output
  readonly hub: string
  readonly control: ControlClient
}

interface Scope {
  readonly control: ControlClient
  readonly hub: HubDetailsReply
  readonly group: string
  readonly partitions: readonly PartitionReply[]
  readonly checkpoints: ReadonlyMap<number, CheckpointReply>
}

/** One partition's change; null: no checkpoint. */
interface Change {
  readonly partition: number
  readonly before: number | null
  readonly after: number | null
}

/** @throws EhubError `hub-not-found`, `group-not-found`, `partition-not-found`, `usage`, `cancelled`. */
export async function checkpointCommand(options: CheckpointCommandOptions): Promise<void> {
  const { flags, clock, output, control } = options
  const group = groupOf(flags.group)
  const scope = await readScope(control, options.hub, group, flags.partition)
  if (flags.to === undefined && !flags.delete) {
    if (flags['dry-run']) throw new EhubError('usage', '--dry-run goes with --to or --delete')
    return show(scope, output, flags.json)
  }
  const changes = flags.to === undefined ? deletions(scope) : await moves(scope, flags.to, clock.now())
  if (flags['dry-run']) return tell(changes, output, flags.json, true)
  if (changes.length > 0) {
    const what = flags.delete ? 'Delete' : 'Set'
    const count = `${changes.length} checkpoint${changes.length === 1 ? '' : 's'}`
    await confirm(`${what} ${count} of group "${group}" in "${scope.hub.name}"?`, {
      isYes: flags.yes,
      isInputOff: flags['no-input'],
    })
  }
  for (const change of changes) await apply(scope, change)
  await tell(changes, output, flags.json, false)
}

async function readScope(control: ControlClient, hubName: string, group: string, list?: string): Promise<Scope> {
  const hub = await control.call('describeHub', { hub: hubName })
  const { checkpoints } = await control.call('listCheckpoints', { hub: hubName, group })
  const ids = hub.partitions.map(({ partition }) => String(partition))
  const chosen = new Set(choosePartitions(ids, list, hub.name))
  return {
    control,
    hub,
    group,
    partitions: hub.partitions.filter(({ partition }) => chosen.has(String(partition))),
    checkpoints: new Map(checkpoints.map((checkpoint) => [checkpoint.partition, checkpoint])),
  }
}

function show({ partitions, checkpoints, hub, group }: Scope, output: Output, isJson: boolean): void | Promise<void> {
  const rows = partitions.map((partition) => {
    const checkpoint = checkpoints.get(partition.partition) ?? null
    return {
      hub: hub.name,
      group,
      partition: partition.partition,
      sequence: checkpoint?.sequence ?? null,
      offset: checkpoint?.offset ?? null,
      enqueued: timeOf(checkpoint?.enqueuedTimeMs ?? null),
      owner: checkpoint?.owner ?? null,
      updated: timeOf(checkpoint?.updatedAtMs ?? null),
      begin: partition.beginSequence,
      last: partition.lastSequence,
      behind: behindOf(partition, checkpoint),
    }
  })
  if (isJson) return output.json(rows)
  return output.table(
    [
      { title: 'PARTITION', align: 'right' },
      { title: 'SEQUENCE', align: 'right' },
      { title: 'OFFSET', align: 'right' },
      { title: 'LAST', align: 'right' },
      { title: 'BEHIND', align: 'right' },
      { title: 'UPDATED' },
      { title: 'OWNER' },
    ],
    rows.map((row) => [row.partition, row.sequence, row.offset, row.last, row.behind, row.updated, row.owner]),
  )
}

/** Events a reader from the checkpoint still has before it; without one, all there are. */
function behindOf({ beginSequence, lastSequence }: PartitionReply, checkpoint: CheckpointReply | null): number {
  const next = Math.max(beginSequence, checkpoint === null ? 0 : checkpoint.sequence + 1)
  return Math.max(0, lastSequence + 1 - next)
}

function deletions({ partitions, checkpoints }: Scope): readonly Change[] {
  return partitions.flatMap(({ partition }) => {
    const checkpoint = checkpoints.get(partition)
    return checkpoint === undefined ? [] : [{ partition, before: checkpoint.sequence, after: null }]
  })
}

async function moves(scope: Scope, text: string, nowMs: number): Promise<readonly Change[]> {
  const spec = parsePositionSpec(text, nowMs)
  const known = new Set(scope.hub.partitions.map(({ partition }) => partition))
  for (const partition of spec.byPartition.keys()) {
    if (!known.has(partition))
      throw new EhubError('partition-not-found', `no partition ${partition} in hub "${scope.hub.name}"`)
  }
  const changes: Change[] = []
  for (const partition of scope.partitions) {
    const position = positionOf(spec, partition.partition)
    if (position === null || position.kind === 'checkpoint') continue
    const next = await nextSequenceAt(scope, partition, position)
    const before = scope.checkpoints.get(partition.partition)?.sequence ?? null
    // Before the very first event there is nothing handled, which is what no checkpoint says.
    const after = next > 0 ? next - 1 : null
    if (after !== before) changes.push({ partition: partition.partition, before, after })
  }
  return changes
}

/** Sequence number a reader from there gets first. */
async function nextSequenceAt(scope: Scope, partition: PartitionReply, position: Position): Promise<number> {
  const { beginSequence, lastSequence } = partition
  const end = lastSequence + 1
  if (position.kind === 'relative') {
    return position.to === 'beginning'
      ? Math.min(end, beginSequence + position.count)
      : Math.max(beginSequence, end - position.count)
  }
  const { sequence } = await scope.control.call('resolvePosition', {
    hub: scope.hub.name,
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
      throw new EhubError('usage', `a checkpoint cannot be set to "${position.kind}"`)
  }
}

async function apply({ control, hub, group }: Scope, { partition, after }: Change): Promise<void> {
  if (after === null) await control.call('clearCheckpoint', { hub: hub.name, group, partition })
  else
    await control.call('setCheckpoint', { hub: hub.name, group, partition, sequence: after, owner: 'ehub checkpoint' })
}

function tell(changes: readonly Change[], output: Output, isJson: boolean, isDryRun: boolean): void | Promise<void> {
  if (isJson) return output.json(changes.map((change) => ({ ...change, dryRun: isDryRun })))
  if (changes.length === 0) return output.note('nothing to change')
  return output.table(
    [
      { title: 'PARTITION', align: 'right' },
      { title: 'BEFORE', align: 'right' },
      { title: isDryRun ? 'WOULD BE' : 'NOW', align: 'right' },
    ],
    changes.map(({ partition, before, after }) => [partition, before, after]),
  )
}

function timeOf(ms: number | null): string | null {
  return ms === null ? null : isoTime(ms)
}
