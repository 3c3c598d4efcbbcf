// Which partitions a processor should claim: the rules of the official SDKs' event processors, so that ours shares a group
// with theirs. Pure. Every processor decides for itself from the claims it sees; nobody leads.
//
//   fair share   floor(partitions / owners); the remainder of owners may have one more
//   claim first  what nobody owns, at random, so that processors that start together rarely want the same one
//   then steal   at random, from the owner with the most, never below the share it may keep
//   balanced     one claim a cycle: a partition changes hands as rarely as possible
//   greedy       all that is missing to the fair share at once
//
// Source: @azure/event-hubs 6, loadBalancerStrategies; .NET, Java, Python, Go and Rust follow the same rules.

import { assert } from '../base/assert.ts'
import type { Random } from '../base/random.ts'

export const balanceStrategies = ['balanced', 'greedy'] as const
export type BalanceStrategy = (typeof balanceStrategies)[number]

export interface Claim {
  readonly partition: number
  /** null: given back. */
  readonly owner: string | null
  /** When it was renewed last, Unix milliseconds of the clock `nowMs` is of. */
  readonly updatedAtMs: number
}

export interface BalanceInput {
  /** Who asks. */
  readonly owner: string
  /** Every partition of the hub. */
  readonly partitions: readonly number[]
  /** At most one a partition. */
  readonly claims: readonly Claim[]
  readonly nowMs: number
  /** A claim that was not renewed for so long is nobody's. */
  readonly expiresMs: number
  readonly strategy: BalanceStrategy
  readonly random: Random
}

/** Partitions to claim in this cycle, in the order in which to try; none: the share is fair. */
export function partitionsToClaim(input: BalanceInput): readonly number[] {
  const wanted = missing(input)
  return input.strategy === 'greedy' ? wanted : wanted.slice(0, 1)
}

/** Whether a claim still holds. */
export function isHeld({ owner, updatedAtMs }: Claim, nowMs: number, expiresMs: number): boolean {
  return owner !== null && nowMs - updatedAtMs < expiresMs
}

function missing({ owner, partitions, claims, nowMs, expiresMs, random }: BalanceInput): readonly number[] {
  const known = new Set(partitions)
  const held = claims.filter((claim) => known.has(claim.partition) && isHeld(claim, nowMs, expiresMs))
  const byOwner = new Map<string, number[]>([[owner, []]])
  for (const claim of held) {
    assert(claim.owner !== null, 'a claim that holds has an owner')
    const theirs = byOwner.get(claim.owner) ?? []
    byOwner.set(claim.owner, theirs)
    theirs.push(claim.partition)
  }
  const share = Math.floor(partitions.length / byOwner.size)
  const extras = partitions.length % byOwner.size
  const ours = byOwner.get(owner)?.length ?? 0
  // Owners with more than the share will decay into owners of one more.
  const withMore = [...byOwner.values()].filter(({ length }) => length > share).length
  let count = (withMore < extras ? share + 1 : share) - ours
  if (count <= 0) return []
  const free = partitions.filter((partition) => held.every((claim) => claim.partition !== partition))
  const wanted = takeAtRandom(free, count, random)
  count -= wanted.length
  const richest = [...byOwner]
    .filter(([name, theirs]) => name !== owner && theirs.length > share)
    .map(([, theirs]) => theirs)
    .toSorted((one, other) => other.length - one.length)
  for (const [index, theirs] of richest.entries()) {
    const stolen = takeAtRandom(theirs, Math.min(count, theirs.length - (index < extras ? share + 1 : share)), random)
    wanted.push(...stolen)
    count -= stolen.length
  }
  return wanted
}

/** Takes up to `count` out of `from`; each is as likely as any other. */
function takeAtRandom(from: readonly number[], count: number, random: Random): number[] {
  const left = [...from]
  const taken: number[] = []
  while (taken.length < count && left.length > 0) {
    taken.push(...left.splice(Math.floor((random.uint32() / 2 ** 32) * left.length), 1))
  }
  return taken
}
