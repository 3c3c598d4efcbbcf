import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hashPartitionKey, partitionOfKey } from '../../src/wire/partition-key.ts'

// Key, hash, and partition for 2, 4, 8, 16 and 32 partitions: hashes as in the tests of the official SDKs.
const vectors: readonly (readonly [string, number, number, number, number, number, number])[] = [
  ['7', -15263, 1, 3, 7, 15, 31],
  ['131', 30562, 0, 2, 2, 2, 2],
  ['7149583486996073602', 12977, 1, 1, 1, 1, 17],
  ['FWfAT', -22341, 1, 1, 5, 5, 5],
  ['sOdeEAsyQoEuEFPGerWO', -6503, 1, 3, 7, 7, 7],
  [
    'FAyAIctPeCgmiwLKbJcyswoHglHVjQdvtBowLACDNORsYvOcLddNJYDmhAVkbyLOrHTKLneMNcbgWVlasVywOByANjs',
    5226,
    0,
    2,
    2,
    10,
    10,
  ],
  [
    '1XYM6!(7(lF5wq4k4m*e$Nc!1ezLJv*1YK1Y-C^*&B$O)lq^iUkG(TNzXG;Zi#z2Og*Qq0#^*k):vXh$3,C7We7%W0meJ;b3,rQCg^J;^twXgs5E$$hWKxqp',
    23950,
    0,
    2,
    6,
    14,
    14,
  ],
  [
    'E(x;RRIaQcJs*P;D&jTPau-4K04oqr:lF6Z):ERpo&;9040qyV@G1_c9mgOs-8_8/10Fwa-7b7-yP!T-!IH&968)FWuI;(^g$2fN;)HJ^^yTn:',
    -29304,
    0,
    0,
    0,
    8,
    24,
  ],
  ['!c*_!I@1^c', 15372, 0, 0, 4, 12, 12],
  ['p4*!jioeO/z-!-;w:dh', -3104, 0, 0, 0, 0, 0],
  ['$0cb', 26269, 1, 1, 5, 13, 29],
  ['-4189260826195535198', 453, 1, 1, 5, 5, 5],
  ['alphabet', -23478, 0, 2, 6, 6, 22],
  ['', 0, 0, 0, 0, 0, 0],
]

for (const [key, hash, ...partitions] of vectors) {
  test(`the key "${key.slice(0, 20)}" hashes to ${hash} and its partitions follow`, () => {
    assert.equal(hashPartitionKey(key), hash)
    assert.deepEqual(
      [2, 4, 8, 16, 32].map((count) => partitionOfKey(key, count)),
      partitions,
    )
  })
}

test('a count that is no power of two takes the remainder of the dividend, without its sign', () => {
  assert.equal(partitionOfKey('alphabet', 11), 4)
  assert.equal(partitionOfKey('anything', 1), 0)
})

test('the hash is over UTF-8 bytes and tells upper from lower case', () => {
  assert.notEqual(hashPartitionKey('Key'), hashPartitionKey('key'))
  assert.equal(hashPartitionKey('é'), hashPartitionKey(Buffer.from([0xc3, 0xa9]).toString('utf8')))
})
