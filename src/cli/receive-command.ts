// `ehub receive`: from flags to a plan for each partition, and from the end of reading to an exit code.

import type { Clock } from '../base/clock.ts'
import { parseDuration } from '../base/duration.ts'
import { EhubError } from '../base/error.ts'
import type { Random } from '../base/random.ts'
import type { ControlClient } from '../client/control-client.ts'
import type { HubClient } from '../client/hub-client.ts'
import { RetryPolicy } from '../client/retry.ts'
import { checkEntityName, defaultGroup } from '../wire/entity-names.ts'
import { unescape } from '../wire/events/event-format.ts'
import type { BodyMode } from '../wire/events/event-json.ts'
import {
  parseBetween,
  parsePartitionList,
  parsePosition,
  parsePositionSpec,
  type Position,
  type PositionSpec,
  positionOf,
  specHas,
} from '../wire/events/position.ts'
import { formatCount, formatElapsed, formatSize } from '../wire/events/units.ts'
import { Checkpointer, type EventMark, parseCheckpointInterval } from './checkpointer.ts'
import type { HubTarget } from './hub-target.ts'
import type { Interrupts } from './interrupts.ts'
import type { Output } from './output.ts'
import { Progress } from './progress.ts'
import { type ReceiveEnd, ReceiveLoop, type ReceiveOrder } from './receive-loop.ts'
import { makeRenderer, type OutputKind } from './receive-output.ts'
import { type PartitionPlan, planPartition } from './receive-plan.ts'
import { checkSharing, isShared, shareReading, type SharingFlags, storeOf } from './receive-sharing.ts'
import { RetryNotice } from './retry-notice.ts'
import { StdoutWriter } from './stdout-writer.ts'

export interface ReceiveFlags extends SharingFlags {
  readonly group: string
  readonly 'from-default': string
  readonly count?: number | undefined
  readonly idle?: string | undefined
  readonly min?: number | undefined
  readonly epoch?: number | undefined
  readonly prefetch?: number | undefined
  readonly 'checkpoint-every': string
  readonly output?: OutputKind | undefined
  readonly json: boolean
  readonly format?: string | undefined
  readonly body: BodyMode
  readonly delimiter?: string | undefined
  readonly print0: boolean
  readonly order: ReceiveOrder
  readonly 'no-progress': boolean
}

export interface ReceiveCommandOptions {
  readonly flags: ReceiveFlags
  readonly clock: Clock
  readonly random: Random
  readonly output: Output
  readonly interrupts: Interrupts
  readonly target: HubTarget
  readonly retryDeadlineMs: number
  /** `--timeout`: of the whole command here; null: none. */
  readonly timeoutMs: number | null
  readonly connect: (target: HubTarget) => Promise<HubClient>
}

interface Wanted {
  readonly from: PositionSpec
  readonly to: PositionSpec | null
  readonly exitsAtEnd: boolean
  readonly fallback: Position
  readonly nowMs: number
}

const everywhere = (position: Position): PositionSpec => ({ byPartition: new Map(), others: position })

/** @throws EhubError; sets the process's exit code when it was interrupted before it was done. */
export async function receiveCommand(options: ReceiveCommandOptions): Promise<void> {
  const { flags, clock, random, output, interrupts, target } = options
  const startedAt = clock.monotonicMs()
  checkFlags(flags)
  checkSharing(flags)
  const wanted = wantedOf(flags, clock.now())
  const group = groupOf(flags.group)
  const kind = flags.json ? 'jsonl' : (flags.output ?? (output.isTerminal ? 'text' : 'raw'))
  const render = makeRenderer({
    kind,
    format: flags.format ?? null,
    bodyMode: flags.body,
    delimiter: Buffer.from(flags.print0 ? '\0' : unescape(flags.delimiter ?? '\n')),
    dim: (text) => output.paint('dim', text),
  })
  const interval = parseCheckpointInterval(flags['checkpoint-every'])
  const control = needsCheckpoints(flags, wanted) ? checkpointKeeper(target) : null
  const store = control === null ? '' : await storeOf(control, target.hub, group, flags.store)
  const checkpoints =
    control === null ? new Map<number, number>() : await readCheckpoints(control, target.hub, group, store)
  const client = await options.connect(target)
  const stdout = new StdoutWriter(process.stdout)
  const notice = new RetryNotice(clock, output)
  let progress: Progress | null = null
  try {
    const isPlanned = control === null || !isShared(flags)
    const plans = isPlanned ? await interrupts.during(planAll(client, wanted, checkpoints, flags.partition)) : []
    const owner = `ehub-${process.pid}-${random.bytes(4).toString('hex')}`
    const shared = isPlanned
      ? null
      : shareReading({
          ...{ flags, clock, random, control, client, group, store, owner, notice },
          fallback: wanted.fallback,
          loop: () => loop,
        })
    const loop: ReceiveLoop = new ReceiveLoop({
      clock,
      client,
      plans: plans.filter(({ isEmpty }) => !isEmpty),
      sharing: shared?.sharing ?? null,
      order: flags.order,
      render,
      stdout,
      checkpointer:
        !flags.checkpoint || control === null
          ? null
          : new Checkpointer({
              clock,
              keep: (mark) => shared?.checkpoints.keep(mark) ?? keepCheckpoint(control, target.hub, group, store, mark),
              interval,
              onFailed: (error) => loop.fail(error),
            }),
      countMax: flags.count ?? null,
      idleMs: flags.idle === undefined ? null : parseDuration(flags.idle),
      timeoutMs: options.timeoutMs === null ? null : Math.max(0, options.timeoutMs - (clock.monotonicMs() - startedAt)),
      endsAtMs: endsAtMs(wanted),
      signal: interrupts.signal,
      reader: {
        group,
        // As the processors of the SDKs, so that the one that claimed last gets the partition.
        ownerLevel: flags.epoch ?? (shared === null ? null : 0),
        // Who shares is told from the others by name.
        name: shared === null ? 'ehub' : owner,
        prefetch: flags.prefetch ?? null,
        countMax: flags.count ?? null,
        onRetry: (error) => notice.tell(error),
      },
      makeRetry: () => new RetryPolicy({ clock, random, deadlineMs: options.retryDeadlineMs }),
    })
    const isProgressWanted = !flags['no-progress'] && !output.isTerminal && wanted.exitsAtEnd
    progress = new Progress({
      clock,
      output,
      verb: 'received',
      isOff: !isProgressWanted,
      state: () => ({ ...loop.account, done: 0, total: null }),
    })
    const end = await loop.run()
    progress.stop()
    await client.close()
    conclude(end, loop.account, options, clock.monotonicMs() - startedAt)
  } finally {
    progress?.stop()
    stdout.dispose()
    await client.close()
  }
}

function checkFlags(flags: ReceiveFlags): void {
  const wrong = (message: string, hint?: string) => {
    throw new EhubError('usage', message, hint === undefined ? {} : { hint })
  }
  const given = (names: readonly (keyof ReceiveFlags)[]) =>
    names.filter((name) => flags[name] !== undefined && flags[name] !== false).map((name) => `--${name}`)
  const starts = given(['from', 'between', 'tail'])
  if (starts.length > 1) wrong(`${starts.join(' and ')} together: each says where to begin`)
  const ends = given(['to', 'between', 'tail'])
  if (ends.length > 1) wrong(`${ends.join(' and ')} together: each says where to end`)
  const outputs = given(['output', 'json', 'format'])
  if (outputs.length > 1) wrong(`${outputs.join(' and ')} together: each says what to write`)
  const isJson = flags.json || flags.output === 'jsonl'
  if (flags.body !== 'auto' && !isJson) wrong('--body is for --json')
  if (flags.print0 && flags.delimiter !== undefined) wrong('--print0 and --delimiter together')
  if ((flags.print0 || flags.delimiter !== undefined) && (isJson || flags.format !== undefined)) {
    wrong('--delimiter and --print0 are for raw and hex output', 'put the delimiter into --format')
  }
  const isBounded = flags['exit-at-end'] || ends.length > 0
  if (flags.order !== 'arrival' && !isBounded) {
    wrong(`--order ${flags.order} needs an end`, 'add --exit-at-end, --to, --between or --tail')
  }
}

function wantedOf(flags: ReceiveFlags, nowMs: number): Wanted {
  const exitsAtEnd = flags['exit-at-end'] || flags.tail !== undefined
  const fallback = parsePosition(flags['from-default'], nowMs)
  if (fallback.kind === 'checkpoint') throw new EhubError('usage', '--from-default is for where there is no checkpoint')
  const more = { exitsAtEnd, fallback, nowMs }
  if (flags.between !== undefined) {
    const { from, to } = parseBetween(flags.between, nowMs)
    return { from: everywhere(from), to: everywhere(to), ...more }
  }
  const to = flags.to === undefined ? null : parsePositionSpec(flags.to, nowMs)
  if (flags.tail !== undefined) {
    return { from: everywhere({ kind: 'relative', to: 'end', count: flags.tail }), to, ...more }
  }
  if (flags.from !== undefined) return { from: parsePositionSpec(flags.from, nowMs), to, ...more }
  // Reading up to an end that is known makes no sense from that end.
  const isBounded = exitsAtEnd || to !== null
  return { from: everywhere({ kind: flags.checkpoint ? 'checkpoint' : isBounded ? 'beginning' : 'end' }), to, ...more }
}

function needsCheckpoints(flags: ReceiveFlags, { from, to }: Wanted): boolean {
  return flags.checkpoint || specHas(from, 'checkpoint') || (to !== null && specHas(to, 'checkpoint'))
}

/** `default`, `$default` and the empty name all mean the default group. @throws EhubError `argument-error`. */
export function groupOf(name: string): string {
  if (/^(\$?default)?$/i.test(name)) return defaultGroup
  checkEntityName('group', name)
  return name
}

/** @throws EhubError `not-supported`: only a local daemon keeps checkpoints itself. */
export function checkpointKeeper({ control }: HubTarget): ControlClient {
  if (control !== null) return control
  throw new EhubError('not-supported', 'checkpoints are kept by the local daemon, not by a namespace elsewhere', {
    hint: 'give a position with --from',
  })
}

/** Sequence number of the last event handled, by partition. */
export async function readCheckpoints(
  control: ControlClient,
  hub: string,
  group: string,
  store?: string,
): Promise<ReadonlyMap<number, number>> {
  const where = store === undefined ? {} : { store }
  const { checkpoints } = await control.call('listCheckpoints', { hub, group, ...where })
  return new Map(checkpoints.map(({ partition, sequence }) => [partition, sequence]))
}

async function keepCheckpoint(
  control: ControlClient,
  hub: string,
  group: string,
  store: string,
  { partition, sequence, offset }: EventMark,
): Promise<void> {
  const place = { hub, group, store, partition: Number(partition), owner: 'ehub receive' }
  await control.call('setCheckpoint', { ...place, sequence, ...(offset === null ? {} : { offset }) })
}

async function planAll(
  client: HubClient,
  wanted: Wanted,
  checkpoints: ReadonlyMap<number, number>,
  list: string | undefined,
): Promise<readonly PartitionPlan[]> {
  const { from, to, exitsAtEnd, fallback, nowMs } = wanted
  const partitions = choosePartitions(await client.partitionIds(), list, client.hub)
  const plans = partitions.map(async (partition) => {
    const number = Number(partition)
    const start = positionOf(from, number)
    if (start === null) return null
    return planPartition({
      partition,
      ends: await client.partitionEnds(partition),
      from: start,
      to: to === null ? null : positionOf(to, number),
      exitsAtEnd,
      checkpoint: checkpoints.get(number) ?? null,
      fallback,
      nowMs,
    })
  })
  return (await Promise.all(plans)).filter((plan) => plan !== null)
}

/** @throws EhubError `partition-not-found` naming one that the hub does not have. */
export function choosePartitions(ids: readonly string[], list: string | undefined, hub: string): readonly string[] {
  if (list === undefined) return ids
  return parsePartitionList(list).map((partition) => {
    const id = String(partition)
    if (ids.includes(id)) return id
    throw new EhubError('partition-not-found', `no partition ${id} in hub "${hub}", it has 0 to ${ids.length - 1}`)
  })
}

function endsAtMs({ to, nowMs }: Wanted): number | null {
  if (to === null) return null
  const positions = [...to.byPartition.values(), ...(to.others === null ? [] : [to.others])]
  const times = positions.flatMap((position) =>
    position.kind === 'time' && position.timeMs > nowMs ? [position.timeMs] : [],
  )
  return times.length === 0 ? null : Math.max(...times)
}

function conclude(
  end: ReceiveEnd,
  account: { readonly events: number; readonly bytes: number },
  { flags, output, interrupts, timeoutMs, target }: ReceiveCommandOptions,
  elapsedMs: number,
): void {
  const { events, bytes } = account
  const count = `${formatCount(events)} ${events === 1 ? 'event' : 'events'}`
  // Nobody reads any more: nobody is told anything.
  if (end === 'closed') return
  if (end === 'interrupted' || output.isTalkTerminal) {
    output.note(`received ${count} (${formatSize(bytes)}) from ${target.hub} in ${formatElapsed(elapsedMs)}`)
  }
  const isMinMissed = flags.min !== undefined && events < flags.min
  if (end === 'interrupted') {
    const isOpenEnded =
      flags.count === undefined &&
      flags.to === undefined &&
      flags.between === undefined &&
      flags.tail === undefined &&
      !flags['exit-at-end']
    if (!isOpenEnded || isMinMissed) process.exitCode = interrupts.exitCode
    return
  }
  if (isMinMissed)
    throw new EhubError('below-minimum', `${count}, fewer than the ${formatCount(flags.min ?? 0)} of --min`)
  if (end === 'timeout' && flags.min === undefined) {
    throw new EhubError('timeout', `${formatElapsed(timeoutMs ?? 0)} passed with ${count} received`)
  }
}
