import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Random } from '../../src/base/random.ts'
import { type BalanceInput, type Claim, isHeld, partitionsToClaim } from '../../src/wire/load-balancer.ts'

/** Says these numbers in turn, as parts of 2^32. */
function chance(...parts: readonly number[]): Random {
  let next = 0
  return {
    uint32: () => Math.floor((parts[next++ % parts.length] ?? 0) * 2 ** 32),
    bytes: (count) => Buffer.alloc(count),
  }
}

const nowMs = 1_000_000
const partitionsOf = (count: number) => Array.from({ length: count }, (_, index) => index)

/** `a0 b3! -1`: owner and partition; `!`: lapsed; `-`: given back. */
function claimsOf(text: string): readonly Claim[] {
  return text.split(' ').flatMap((word) => {
    const [, owner = '', partition = '', lapsed = ''] = /^([a-z-])(\d+)(!?)$/.exec(word) ?? []
    if (owner === '') return []
    const updatedAtMs = lapsed === '' ? nowMs - 59_999 : nowMs - 60_000
    return [{ partition: Number(partition), owner: owner === '-' ? null : owner, updatedAtMs }]
  })
}

function wanted(count: number, claims: string, more: Partial<BalanceInput> = {}): readonly number[] {
  return partitionsToClaim({
    owner: 'a',
    partitions: partitionsOf(count),
    claims: claimsOf(claims),
    nowMs,
    expiresMs: 60_000,
    strategy: 'greedy',
    random: chance(0),
    ...more,
  })
}

describe('a greedy processor wants', () => {
  const cases: readonly (readonly [string, number, string, readonly number[]])[] = [
    ['everything when it is alone', 4, '', [0, 1, 2, 3]],
    ['what it has not yet', 4, 'a1 a2', [0, 3]],
    ['nothing of a fair share', 4, 'a0 a1 b2 b3', []],
    ['nothing when it has more than its share', 4, 'a0 a1 a2 b3', []],
    ['half of what another one has', 4, 'b0 b1 b2 b3', [0, 1]],
    ['what nobody has before what another one has', 4, 'b0 b1 b2', [3, 0]],
    ['nothing more than its share of what was given back', 4, 'a0 a1 b2 -3', []],
    ['what was given back, when its share is not full', 4, 'a0 b2 b3 -1', [1]],
    ['the partitions of one that died', 4, 'a0 a1 b2! b3!', [2, 3]],
    ['one more than the floor while too few have one', 5, 'a0 a1 b2 b3', [4]],
    ['no more than the floor when enough have one more', 5, 'a0 a1 b2 b3 b4', []],
    ['from the one with the most', 6, 'b0 b1 b2 b3 c4 c5', [0, 1]],
    ['only so much that the others keep their share', 7, 'b0 b1 b2 c3 c4 c5 c6', [3, 0]],
    ['nothing where there are more owners than partitions', 2, 'b0 c1', []],
    ['a claim on a partition that is not there counts for nothing', 2, 'b7', [0, 1]],
    ['nothing of nothing', 0, '', []],
  ]
  for (const [says, count, claims, expected] of cases) {
    test(says, () => assert.deepEqual(wanted(count, claims), expected))
  }
})

test('a balanced processor wants one of them', () => {
  assert.deepEqual(wanted(4, '', { strategy: 'balanced' }), [0])
  assert.deepEqual(wanted(4, 'b0 b1 b2 b3', { strategy: 'balanced' }), [0])
  assert.deepEqual(wanted(4, 'a0 a1 b2 b3', { strategy: 'balanced' }), [])
})

test('which one is chance, for claims as for thefts', () => {
  assert.deepEqual(wanted(4, '', { random: chance(0.99, 0.5, 0, 0) }), [3, 1, 0, 2])
  assert.deepEqual(wanted(4, 'b0 b1 b2 b3', { random: chance(0.6, 0.99) }), [2, 3])
})

test('a claim lapses at its expiry, not before', () => {
  const claim = { partition: 0, owner: 'b', updatedAtMs: 0 }
  assert.equal(isHeld(claim, 59_999, 60_000), true)
  assert.equal(isHeld(claim, 60_000, 60_000), false)
  assert.equal(isHeld({ ...claim, owner: null }, 0, 60_000), false)
})

test('any processors that take turns come to a fair share, and then nothing moves', () => {
  const sizes = fc.record({ partitions: fc.integer({ min: 1, max: 40 }), owners: fc.integer({ min: 1, max: 8 }) })
  const strategies = fc.constantFrom('balanced' as const, 'greedy' as const)
  fc.assert(
    fc.property(
      sizes,
      strategies,
      fc.infiniteStream(fc.double({ min: 0, max: 0.999_999, noNaN: true })),
      (size, strategy, parts) => {
        const random: Random = {
          uint32: () => Math.floor(Number(parts.next().value) * 2 ** 32),
          bytes: (count) => Buffer.alloc(count),
        }
        const owners = partitionsOf(size.owners).map((index) => `owner ${index}`)
        const held = new Map<number, string>()
        const cycle = () => {
          let moves = 0
          for (const owner of owners) {
            const claims = Array.from(held, ([partition, who]) => ({ partition, owner: who, updatedAtMs: nowMs }))
            const partitions = partitionsOf(size.partitions)
            for (const partition of partitionsToClaim({
              owner,
              partitions,
              claims,
              nowMs,
              expiresMs: 60_000,
              strategy,
              random,
            })) {
              held.set(partition, owner)
              moves += 1
            }
          }
          return moves
        }
        for (let cycles = 0; cycle() > 0; cycles++) assert.ok(cycles <= 2 * size.partitions, 'it comes to rest')
        assert.equal(held.size, size.partitions, 'every partition has an owner')
        const counts = owners.map((owner) => [...held.values()].filter((who) => who === owner).length)
        assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, `fair: ${counts.join(', ')}`)
      },
    ),
    { numRuns: 100 },
  )
})
