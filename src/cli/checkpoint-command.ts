// `ehub checkpoint`: shows, moves, copies and deletes the checkpoints of a group. A checkpoint names the last event handled, so
// setting one to a position stores the sequence number before it.

import type { Clock } from '../base/clock.ts'
import { EhubError } from '../base/error.ts'
import type { ControlClient } from '../client/control-client.ts'
import type { CheckpointReply, HubDetailsReply, PartitionReply } from '../wire/control/contract.ts'
import { parsePositionSpec, positionOf } from '../wire/events/position.ts'
import { isoTime } from '../wire/events/json-value.ts'
import { type Change, changesOf, copies, deletions, imports, repairs, shifts } from './checkpoint-changes.ts'
import { formatCheckpoints, readCheckpointFile, writeCheckpointFile } from './checkpoint-file.ts'
import { confirm } from './confirm.ts'
import { nextSequenceAt } from './next-sequence.ts'
import type { Output } from './output.ts'
import { choosePartitions, groupOf } from './receive-command.ts'

export interface CheckpointFlags {
  readonly group: string
  readonly partition?: string | undefined
  readonly to?: string | undefined
  readonly by?: number | undefined
  readonly 'from-group'?: string | undefined
  readonly import?: string | undefined
  readonly export?: string | undefined
  readonly repair: boolean
  readonly delete: boolean
  readonly store?: string | undefined
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
  /** Where they are kept; undefined: nowhere yet, and the daemon decides. */
  readonly store: string | undefined
  readonly partitions: readonly PartitionReply[]
  readonly checkpoints: ReadonlyMap<number, CheckpointReply>
}

/** @throws EhubError `hub-not-found`, `group-not-found`, `partition-not-found`, `usage`, `cancelled`. */
export async function checkpointCommand(options: CheckpointCommandOptions): Promise<void> {
  const { flags, clock, output, control } = options
  const group = groupOf(flags.group)
  const scope = await readScope(control, options.hub, group, flags)
  const changes = await wantedChanges(scope, flags, clock.now())
  if (changes === null) {
    if (flags['dry-run']) throw new EhubError('usage', '--dry-run goes with what changes checkpoints')
    return flags.export === undefined ? show(scope, output, flags.json) : exportTo(flags.export, scope, output)
  }
  if (flags['dry-run']) return tell(changes, output, flags.json, true)
  if (changes.length > 0) {
    const what = flags.delete ? 'Delete' : 'Set'
    const count = `${changes.length} checkpoint${changes.length === 1 ? '' : 's'}`
    await confirm(`${what} ${count} of group "${group}" in "${scope.hub.name}"?`, {
      isYes: flags.yes,
      isInputOff: flags['no-input'],
    })
  }
  await applyAll(scope, changes)
  await tell(changes, output, flags.json, false)
}

/** null: nothing is asked to change. */
async function wantedChanges(scope: Scope, flags: CheckpointFlags, nowMs: number): Promise<readonly Change[] | null> {
  const { control, hub, partitions, checkpoints } = scope
  const { to, by, import: file, 'from-group': other } = flags
  if (to !== undefined) return moves(scope, to, nowMs)
  if (by !== undefined) return shifts(partitions, checkpoints, by)
  if (other !== undefined) {
    const from = await control.call('listCheckpoints', { hub: hub.name, group: other })
    return copies(partitions, checkpoints, new Map(from.checkpoints.map((row) => [row.partition, row])))
  }
  if (file !== undefined) {
    const wanted = readCheckpointFile(file)
    checkPartitions(hub, wanted.keys())
    return imports(partitions, checkpoints, wanted)
  }
  if (flags.repair) return repairs(partitions, checkpoints)
  return flags.delete ? deletions(partitions, checkpoints) : null
}

function exportTo(path: string, { hub, group, partitions, checkpoints }: Scope, output: Output): void {
  const rows = partitions.flatMap(({ partition }) => checkpoints.get(partition) ?? [])
  const text = formatCheckpoints(hub.name, group, rows)
  if (path === '-') return output.print(text.trimEnd())
  writeCheckpointFile(path, text)
  output.note(`${rows.length} checkpoint${rows.length === 1 ? '' : 's'} of group "${group}" written to "${path}"`)
}

async function readScope(
  control: ControlClient,
  hubName: string,
  group: string,
  { store, partition: list }: CheckpointFlags,
): Promise<Scope> {
  const hub = await control.call('describeHub', { hub: hubName })
  const where = store === undefined ? {} : { store }
  const { checkpoints } = await control.call('listCheckpoints', { hub: hubName, group, ...where })
  const ids = hub.partitions.map(({ partition }) => String(partition))
  const chosen = new Set(choosePartitions(ids, list, hub.name))
  return {
    control,
    hub,
    group,
    // Shown and changed in one place, even if a processor writes elsewhere meanwhile.
    store: store ?? checkpoints[0]?.store,
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
      store: checkpoint?.store ?? null,
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

async function moves(scope: Scope, text: string, nowMs: number): Promise<readonly Change[]> {
  const spec = parsePositionSpec(text, nowMs)
  checkPartitions(scope.hub, spec.byPartition.keys())
  const places = new Map<number, number | null>()
  for (const partition of scope.partitions) {
    const position = positionOf(spec, partition.partition)
    if (position === null || position.kind === 'checkpoint') continue
    const next = await nextSequenceAt({ control: scope.control, hub: scope.hub.name }, partition, position)
    // Before the very first event there is nothing handled, which is what no checkpoint says.
    places.set(partition.partition, next > 0 ? next - 1 : null)
  }
  return changesOf(scope.partitions, scope.checkpoints, ({ partition }, before) => {
    const after = places.get(partition)
    return after === undefined ? before : after
  })
}

function checkPartitions({ name, partitions }: HubDetailsReply, named: Iterable<number>): void {
  for (const index of named) {
    if (partitions.every(({ partition }) => partition !== index)) {
      throw new EhubError('partition-not-found', `no partition ${index} in hub "${name}"`)
    }
  }
}

/** @throws EhubError the first refusal; what was not refused is done. */
async function applyAll({ control, hub, group, store }: Scope, changes: readonly Change[]): Promise<void> {
  const place = { hub: hub.name, group, ...(store === undefined ? {} : { store }) }
  const checkpoints = changes.flatMap(({ partition, after }) =>
    after === null ? [] : [{ partition, sequence: after }],
  )
  if (checkpoints.length > 0) {
    const request = { ...place, checkpoints, owner: 'ehub checkpoint', isDeliberate: true }
    const [refusal] = (await control.call('setCheckpoints', request)).refused
    if (refusal !== undefined) throw new EhubError(refusal.code, `partition ${refusal.partition}: ${refusal.message}`)
  }
  for (const { partition, after } of changes) {
    if (after === null) await control.call('clearCheckpoint', { ...place, partition })
  }
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
