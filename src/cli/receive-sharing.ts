// `ehub receive -g GROUP --checkpoint` as one processor among others: which reading is shared, where the group keeps its claims and
// checkpoints, and the processor that adds partitions to the loop and takes them away.

import type { Clock } from '../base/clock.ts'
import { parseDuration } from '../base/duration.ts'
import { EhubError } from '../base/error.ts'
import type { Random } from '../base/random.ts'
import type { ControlClient } from '../client/control-client.ts'
import type { HubClient } from '../client/hub-client.ts'
import type { Position } from '../wire/events/position.ts'
import type { BalanceStrategy } from '../wire/load-balancer.ts'
import { GuardedCheckpoints } from './guarded-checkpoints.ts'
import { Processor } from './processor.ts'
import type { ReceiveLoop, Sharing } from './receive-loop.ts'
import { planPartition } from './receive-plan.ts'
import type { RetryNotice } from './retry-notice.ts'

export interface SharingFlags {
  readonly checkpoint: boolean
  readonly partition?: string | undefined
  readonly from?: string | undefined
  readonly to?: string | undefined
  readonly between?: string | undefined
  readonly tail?: number | undefined
  readonly 'exit-at-end': boolean
  readonly store?: string | undefined
  readonly strategy?: BalanceStrategy | undefined
  readonly 'balance-every'?: string | undefined
  readonly 'ownership-expires'?: string | undefined
}

// As the SDKs of JavaScript, Java and Go.
const cycleMsUsual = 10_000
const expiresMsUsual = 60_000

const ownStore = '$daemon'

/** Following a group at its checkpoints is shared; a stretch, a place or chosen partitions are read by whoever asks for them. */
export function isShared(flags: SharingFlags): boolean {
  const { checkpoint, partition, from, to, between, tail } = flags
  if (!checkpoint || flags['exit-at-end']) return false
  return [partition, from, to, between, tail].every((value) => value === undefined)
}

/** @throws EhubError `usage` for flags of shared reading where it is not shared, or times that cannot work. */
export function checkSharing(flags: SharingFlags): void {
  if (flags.store !== undefined && !flags.checkpoint) {
    throw new EhubError('usage', '--store says where checkpoints are kept: it goes with --checkpoint')
  }
  const names = (['strategy', 'balance-every', 'ownership-expires'] as const).filter(
    (name) => flags[name] !== undefined,
  )
  if (names.length > 0 && !isShared(flags)) {
    throw new EhubError('usage', `--${names[0]} is for partitions shared with others`, {
      hint: 'use --checkpoint without -p, --from, --to, --between, --tail and -e',
    })
  }
  const { cycleMs, expiresMs } = timesOf(flags)
  if (cycleMs === 0) throw new EhubError('usage', '--balance-every 0 would do nothing else')
  if (expiresMs <= cycleMs) {
    throw new EhubError(
      'usage',
      `claims that lapse after ${expiresMs} ms cannot be renewed every ${cycleMs} ms: --ownership-expires must be longer than --balance-every`,
    )
  }
}

function timesOf(flags: SharingFlags): { readonly cycleMs: number; readonly expiresMs: number } {
  const duration = (text: string | undefined, usual: number) => (text === undefined ? usual : parseDuration(text))
  return {
    cycleMs: duration(flags['balance-every'], cycleMsUsual),
    expiresMs: duration(flags['ownership-expires'], expiresMsUsual),
  }
}

/** Where the processors of the group keep what they know: where one wrote last. @throws EhubError. */
export async function storeOf(
  control: ControlClient,
  hub: string,
  group: string,
  named: string | undefined,
): Promise<string> {
  const [{ checkpoints }, { owners }] = await Promise.all([
    control.call('listCheckpoints', { hub, group, ...(named === undefined ? {} : { store: named }) }),
    control.call('listOwners', { hub, group, ...(named === undefined ? {} : { store: named }) }),
  ])
  if (named !== undefined) return named
  const [claim] = owners.toSorted((one, other) => other.updatedAtMs - one.updatedAtMs)
  const [checkpoint] = checkpoints.toSorted((one, other) => other.updatedAtMs - one.updatedAtMs)
  if (claim === undefined || checkpoint === undefined) return (claim ?? checkpoint)?.store ?? ownStore
  return claim.updatedAtMs > checkpoint.updatedAtMs ? claim.store : checkpoint.store
}

export interface SharedReadingOptions {
  readonly flags: SharingFlags
  readonly clock: Clock
  readonly random: Random
  readonly control: ControlClient
  readonly client: HubClient
  readonly group: string
  readonly store: string
  readonly owner: string
  /** Where to begin in partitions without a checkpoint. */
  readonly fallback: Position
  readonly notice: RetryNotice
  /** Made after this: it is told what to read. */
  readonly loop: () => ReceiveLoop
}

export interface SharedReading {
  readonly sharing: Sharing
  readonly checkpoints: GuardedCheckpoints
}

export function shareReading(options: SharedReadingOptions): SharedReading {
  const { flags, clock, random, control, client, group, store, owner, fallback, notice, loop } = options
  const checkpoints = new GuardedCheckpoints({ control, hub: client.hub, group, store, owner })
  const processor = new Processor({
    ...{ clock, random, control, hub: client.hub, group, store, owner },
    ...timesOf(flags),
    strategy: flags.strategy ?? 'balanced',
    partitions: async () => (await client.partitionIds()).map(Number),
    onClaimed: async (partition) => {
      const id = String(partition)
      const [ends, checkpoint] = await Promise.all([client.partitionEnds(id), checkpoints.read(partition)])
      const request = { partition: id, ends, checkpoint, fallback, nowMs: clock.now() }
      await loop().add(planPartition({ ...request, from: { kind: 'checkpoint' }, to: null, exitsAtEnd: false }))
    },
    onLost: (partition) => loop().drop(String(partition)),
    onTrouble: (error) => notice.tell(error),
    onFailed: (error) => loop().fail(error),
  })
  const sharing: Sharing = {
    start: () => processor.start(),
    readingEnded: (partition) => processor.readingEnded(partition),
    stop: () => processor.stop(),
  }
  return { sharing, checkpoints }
}
