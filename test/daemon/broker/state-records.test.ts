import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isEhubError } from '../../../src/base/error.ts'
import { decodeStateRecords, encodeStateRecord, type StateRecord } from '../../../src/daemon/broker/state-records.ts'

// One of each kind with its bytes: `length u32 LE, code u8, version u8, JSON`. Changing one is a change of format.
const golden: readonly (readonly [StateRecord, number, string])[] = [
  [{ kind: 'snapshot-begun', lastNumber: 3, lastRevision: 4 }, 1, '{"lastNumber":3,"lastRevision":4}'],
  [
    { kind: 'namespace-created', number: 1, name: 'local', createdAtMs: 9 },
    2,
    '{"number":1,"name":"local","createdAtMs":9}',
  ],
  [
    { kind: 'rule-set', namespace: 1, name: 'r', rights: ['listen', 'send'], primaryKey: 'p', secondaryKey: 's' },
    3,
    '{"namespace":1,"name":"r","rights":["listen","send"],"primaryKey":"p","secondaryKey":"s"}',
  ],
  [
    {
      kind: 'hub-created',
      number: 2,
      namespace: 1,
      name: 'orders',
      partitionCount: 4,
      durability: 'sync',
      createdAtMs: 9,
    },
    4,
    '{"number":2,"namespace":1,"name":"orders","partitionCount":4,"durability":"sync","createdAtMs":9}',
  ],
  [{ kind: 'hub-deleted', number: 2 }, 5, '{"number":2}'],
  [{ kind: 'hub-removed', number: 2 }, 6, '{"number":2}'],
  [{ kind: 'hub-removing', number: 2, folder: 'ns1/h2' }, 7, '{"number":2,"folder":"ns1/h2"}'],
  [{ kind: 'group-created', hub: 2, name: 'g', createdAtMs: 9 }, 8, '{"hub":2,"name":"g","createdAtMs":9}'],
  [{ kind: 'group-deleted', hub: 2, name: 'g' }, 9, '{"hub":2,"name":"g"}'],
  [
    {
      kind: 'checkpoint-set',
      hub: 2,
      group: 'g',
      partition: 0,
      sequence: 7,
      offset: 70,
      enqueuedTimeMs: null,
      owner: 'é',
      updatedAtMs: 9,
      revision: 4,
    },
    10,
    '{"hub":2,"group":"g","partition":0,"sequence":7,"offset":70,"enqueuedTimeMs":null,"owner":"é","updatedAtMs":9,"revision":4}',
  ],
  [{ kind: 'checkpoint-cleared', hub: 2, group: 'g', partition: 0 }, 11, '{"hub":2,"group":"g","partition":0}'],
  [{ kind: 'storage-account-set', name: 'ehub', key: 'k' }, 12, '{"name":"ehub","key":"k"}'],
  [
    { kind: 'container-set', name: 'c-1', metadata: { m: 'é' }, createdAtMs: 8, updatedAtMs: 9, revision: 4 },
    13,
    '{"name":"c-1","metadata":{"m":"é"},"createdAtMs":8,"updatedAtMs":9,"revision":4}',
  ],
  [{ kind: 'container-deleted', name: 'c-1' }, 14, '{"name":"c-1"}'],
  [
    {
      kind: 'blob-set',
      container: 'c-1',
      name: 'a/b',
      metadata: {},
      contentType: null,
      content: 'aGk=',
      createdAtMs: 8,
      updatedAtMs: 9,
      revision: 4,
    },
    15,
    '{"container":"c-1","name":"a/b","metadata":{},"contentType":null,"content":"aGk=","createdAtMs":8,"updatedAtMs":9,"revision":4}',
  ],
  [
    { kind: 'blob-metadata-set', container: 'c-1', name: 'a/b', metadata: { m: '1' }, updatedAtMs: 9, revision: 5 },
    16,
    '{"container":"c-1","name":"a/b","metadata":{"m":"1"},"updatedAtMs":9,"revision":5}',
  ],
  [{ kind: 'blob-deleted', container: 'c-1', name: 'a/b' }, 17, '{"container":"c-1","name":"a/b"}'],
  [{ kind: 'time-believed', timeMs: 9 }, 19, '{"timeMs":9}'],
  [{ kind: 'hub-updated', number: 2, partitionCount: 8 }, 18, '{"number":2,"partitionCount":8}'],
  [
    {
      kind: 'hub-updated',
      number: 2,
      retentionMs: null,
      cleanup: 'compact',
      tombstoneRetentionMs: 5000,
      minCompactionLagMs: 0,
    },
    18,
    '{"number":2,"retentionMs":null,"cleanup":"compact","tombstoneRetentionMs":5000,"minCompactionLagMs":0}',
  ],
]

const framed = (code: number, body: string, version = 1) => {
  const bytes = Buffer.from(body)
  const head = Buffer.from([0, 0, 0, 0, code, version])
  head.writeUInt32LE(bytes.length)
  return Buffer.concat([head, bytes])
}

for (const [record, code, body] of golden) {
  test(`a ${record.kind} record of ${body.length} bytes has code ${code}, version 1 and these fields`, () => {
    const bytes = framed(code, body)
    assert.deepEqual(encodeStateRecord(record), bytes)
    assert.deepEqual(decodeStateRecords(bytes, 1), [record])
  })
}

test('records follow each other without anything between', () => {
  const payload = Buffer.concat(golden.map(([record]) => encodeStateRecord(record)))
  assert.deepEqual(
    decodeStateRecords(payload, golden.length),
    golden.map(([record]) => record),
  )
})

const damaged: readonly (readonly [string, Buffer, number])[] = [
  ['a cut header', framed(5, '{"number":2}').subarray(0, 4), 1],
  ['a cut body', framed(5, '{"number":2}').subarray(0, 10), 1],
  ['a count that does not fit', framed(5, '{"number":2}'), 2],
  ['a body that is no JSON', framed(5, '{"number":'), 1],
  ['a body that is no object', framed(5, '[2]'), 1],
  ['a missing field', framed(7, '{"number":2}'), 1],
  ['a field of another type', framed(5, '{"number":"2"}'), 1],
  ['a number that is no safe integer', framed(5, '{"number":1.5}'), 1],
  ['an optional field of another type', framed(18, '{"number":2,"cleanup":"shred"}'), 1],
  ['optional fields without those that must be', framed(18, '{"partitionCount":2}'), 1],
  ['a field too many', framed(5, '{"number":2,"more":1}'), 1],
  ['an inherited name in place of a field', framed(5, '{"__proto__":{"number":2}}'), 1],
  ['a version below the first', framed(5, '{"number":2}', 0), 1],
]

for (const [what, payload, count] of damaged) {
  test(`${what} is damage`, () => {
    assert.throws(
      () => decodeStateRecords(payload, count),
      (error) => isEhubError(error, 'storage-corrupt'),
    )
  })
}

test('an unknown code or a later version was written by a newer program', () => {
  for (const payload of [framed(200, '{}'), framed(5, '{"number":2}', 2)]) {
    assert.throws(
      () => decodeStateRecords(payload, 1),
      (error) => isEhubError(error, 'data-folder-newer'),
    )
  }
})

test('any bytes are records or an operating error', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat({ max: 3 }), (bytes, count) => {
      try {
        decodeStateRecords(Buffer.from(bytes), count)
      } catch (error) {
        assert.ok(isEhubError(error))
      }
    }),
  )
})
