import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import avro from 'avsc'
import fc from 'fast-check'
import { crc32, deflateRawSync } from 'node:zlib'
import snappy from 'snappyjs'
import { isEhubError } from '../../../src/base/error.ts'
import { AvroFileReader } from '../../../src/wire/capture/avro-reader.ts'
import { emptyCaptureFile } from '../../../src/wire/capture/avro-file.ts'
import { CaptureFileReader } from '../../../src/wire/capture/capture-reader.ts'
import type { CaptureRecord } from '../../../src/wire/capture/capture-record.ts'
import { captureSchemaText } from '../../../src/wire/capture/schema.ts'
import { hex } from '../amqp/bytes.ts'
import { avscRecords, fileOf, fileOfBlocks, recordOf, recordsOf, streamOf, sync, textRecord } from './files.ts'

const sequences = (records: readonly CaptureRecord[]) => records.map(({ sequence }) => sequence)
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index)

for (const codec of ['null', 'deflate', 'snappy'] as const) {
  test(`${codec}: every record comes back, in pieces of any size`, async () => {
    const file = await fileOf(codec, 4, 25)
    for (const pieceBytes of [1, 7, 490, 1000, file.length]) {
      assert.deepEqual(sequences(await recordsOf(file, pieceBytes)), upTo(100))
    }
  })
}

test('what we write with snappy an independent snappy reads, and the other way round', async () => {
  const ours = await fileOf('snappy', 1, 50)
  assert.equal((await avscRecords(ours)).length, 50)
  const sum = Buffer.alloc(4)
  sum.writeUInt32BE(crc32(textRecord))
  const packed = Buffer.concat([snappy.compress(textRecord), sum])
  assert.equal((await recordsOf(container([['avro.codec', 'snappy']], 1, packed)))[0]?.offset, '1456')
  packed[packed.length - 1] = (packed.at(-1) ?? 0) ^ 1
  await assert.rejects(recordsOf(container([['avro.codec', 'snappy']], 1, packed)), /checksum/)
})

/** A container by hand: any metadata, one block. */
function container(
  entries: readonly (readonly [string, string])[],
  count: number,
  payload: Buffer,
  schema = captureSchemaText,
): Buffer {
  const long = (value: number) => avro.Type.forSchema('long').toBuffer(value)
  const text = (value: string) => Buffer.concat([long(Buffer.byteLength(value)), Buffer.from(value)])
  const all = [['avro.schema', schema] as const, ...entries]
  const pairs = all.flatMap(([key, value]) => [text(key), text(value)])
  const head = [hex('4f 62 6a 01'), long(all.length), ...pairs, hex('00'), sync]
  return Buffer.concat([...head, long(count), long(payload.length), payload, sync])
}

describe('files of other writers', () => {
  const record = [{ sequence: 1, offset: '1456', enqueuedTimeMs: 1670604685193 }]
  const shown = (records: readonly CaptureRecord[]) =>
    records.map(({ sequence, offset, enqueuedTimeMs }) => ({ sequence, offset, enqueuedTimeMs }))
  const cases: readonly [string, Buffer][] = [
    ['schema first, no codec named', container([], 1, textRecord)],
    [
      'entries of their own',
      container(
        [
          ['avro.codec', 'null'],
          ['writer.x', 'y'],
        ],
        1,
        textRecord,
      ),
    ],
    ['deflate', container([['avro.codec', 'deflate']], 1, deflateRawSync(textRecord))],
    ['a schema laid out', container([], 1, textRecord, JSON.stringify(JSON.parse(captureSchemaText), null, 2))],
  ]
  for (const [name, file] of cases) {
    test(name, async () => assert.deepEqual(shown(await recordsOf(file)), record))
  }

  test('metadata in blocks with sizes, as some libraries write maps', async () => {
    const long = (value: number) => avro.Type.forSchema('long').toBuffer(value)
    const entry = (key: string, value: string) =>
      Buffer.concat([long(key.length), Buffer.from(key), long(Buffer.byteLength(value)), Buffer.from(value)])
    const first = entry('avro.schema', captureSchemaText)
    const second = entry('avro.codec', 'null')
    const head = [hex('4f 62 6a 01'), long(-1), long(first.length), first, long(1), second, hex('00'), sync]
    const file = Buffer.concat([...head, hex('02'), long(textRecord.length), textRecord, sync])
    assert.deepEqual(shown(await recordsOf(file)), record)
  })

  test('blocks without records, in the middle too', async () => {
    const one = await fileOf('null', 1, 2)
    const file = Buffer.concat([one, hex('00 00'), sync, one.subarray(490)])
    assert.deepEqual(sequences(await recordsOf(file)), [0, 1, 0, 1])
    assert.deepEqual(await recordsOf(emptyCaptureFile('deflate', sync)), [])
  })

  test('a header alone', async () => {
    assert.deepEqual(await recordsOf((await fileOf('null', 1, 1)).subarray(0, 490)), [])
  })
})

describe('what is no Capture file', () => {
  const cases: readonly [string, Buffer, RegExp][] = [
    ['nothing', Buffer.alloc(0), /empty/],
    ['text', Buffer.from('{"a":1}\n'), /does not begin/],
    ['a header cut short', hex('4f 62 6a 01 04 14 61'), /ends early/],
    ['a codec nobody knows', container([['avro.codec', 'zstandard']], 1, textRecord), /"zstandard"/],
    ['a schema that is no JSON', container([], 0, Buffer.alloc(0), '{'), /no JSON/],
    ['a schema that is no record', container([], 0, Buffer.alloc(0), '"long"'), /not that of a record/],
    [
      'a schema without some fields',
      container([], 0, Buffer.alloc(0), '{"type":"record","name":"Row","fields":[{"name":"Offset","type":"string"}]}'),
      /"Row" lacks "SequenceNumber", "EnqueuedTimeUtc", "SystemProperties", "Properties", "Body"/,
    ],
    [
      'a field of another type',
      container([], 0, Buffer.alloc(0), captureSchemaText.replace('["null","bytes"]', '"boolean"')),
      /cannot be read as Capture's/,
    ],
  ]
  for (const [name, file, message] of cases) {
    test(name, async () => {
      await assert.rejects(recordsOf(file), (error) => {
        assert.ok(isEhubError(error, 'decode-error') || isEhubError(error, 'not-supported'), String(error))
        assert.match(error.message, message)
        assert.match(error.message, /test\.avro|codec/)
        return true
      })
    })
  }
})

describe('damage names file, block and byte, and what is in front comes', () => {
  const damagedIn = async (change: (file: Buffer) => Buffer, message: RegExp, intact: number) => {
    const file = change(await fileOf('null', 3, 10))
    const records: CaptureRecord[] = []
    await assert.rejects(recordsOf(file, 100, records), (error) => {
      assert.ok(isEhubError(error, 'integrity'), String(error))
      assert.match(error.message, message)
      return true
    })
    assert.deepEqual(sequences(records), upTo(intact))
  }
  const secondBlockAt = async () => {
    const first = await fileOf('null', 1, 10)
    return first.length
  }
  test('a file cut in a block', async () => {
    const at = await secondBlockAt()
    await damagedIn((file) => file.subarray(0, at + 50), new RegExp(`test.avro: block 1 at byte ${at} `), 10)
  })
  test('bytes missing in a block', async () => {
    const at = await secondBlockAt()
    const cut = (file: Buffer) => Buffer.concat([file.subarray(0, at + 50), file.subarray(at + 51)])
    await damagedIn(cut, /block 1 .*not marked/, 10)
  })
  test('a record that claims to be longer than its block', async () => {
    const at = await secondBlockAt()
    const lie = (file: Buffer) => {
      const copy = Buffer.from(file)
      // The last record's body begins 9 bytes in front of the sync: length, then "body 19".
      copy[copy.indexOf('body 19') - 1] = 0x7e
      return copy
    }
    await damagedIn(lie, new RegExp(`block 1 at byte ${at} .*record 9 of 10`), 19)
  })
  test('a count that is too small', async () => {
    const at = await secondBlockAt()
    const lie = (file: Buffer) => {
      const copy = Buffer.from(file)
      copy[at] = 0x10
      return copy
    }
    await damagedIn(lie, /bytes are left behind its 8 records/, 18)
  })
  test('a size beyond any block', async () => {
    const file = Buffer.concat([await fileOf('null', 1, 10), hex('02 fe ff ff ff ff ff ff 0f')])
    await assert.rejects(recordsOf(file), /a size of \d+ bytes, at most/)
  })
})

test('any change of any byte gives records or an error of ours, never a hang or another error', async () => {
  const files = [
    await fileOf('null', 2, 3),
    await fileOf('deflate', 2, 3),
    await fileOf('snappy', 2, 3),
    container([], 1, textRecord, captureSchemaText.replace('"Body"', '"More","type":"long"},{"name":"Body"')),
  ]
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...files),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      fc.option(fc.nat()),
      async (file, changes, length) => {
        const copy = Buffer.from(file)
        for (const [at, byte] of changes) copy[at % copy.length] = byte
        const cut = length === null ? copy : copy.subarray(0, length % copy.length)
        try {
          await recordsOf(cut, 64)
        } catch (error) {
          assert.ok(isEhubError(error), String(error))
        }
      },
    ),
    { numRuns: 300 },
  )
})

test('a huge size of a small file costs no memory', async () => {
  const file = Buffer.concat([emptyCaptureFile('null', sync), hex('02 80 80 80 80 04')])
  const before = process.memoryUsage().arrayBuffers
  const reader = await AvroFileReader.open('small.avro', streamOf(file))
  await reader.nextBlock()
  await assert.rejects(reader.nextBlock(), /the file has 0/)
  assert.ok(process.memoryUsage().arrayBuffers - before < 32 * 1024 * 1024)
})

describe('schemas that are not today’s', () => {
  const base = JSON.parse(captureSchemaText) as { fields: { name: string; type: unknown }[] }
  const write = (schema: object, value: object): Buffer => {
    const type = avro.Type.forSchema(schema as Parameters<typeof avro.Type.forSchema>[0], { wrapUnions: true })
    return container([['avro.codec', 'null']], 1, type.toBuffer(value), JSON.stringify(schema))
  }
  const value = {
    SequenceNumber: 7,
    Offset: '42',
    EnqueuedTimeUtc: '11/20/2016 3:15:38 AM',
    SystemProperties: { 'x-opt-publisher': { string: 'p' } },
    Properties: { a: { long: 5 }, b: { double: 1.5 }, c: { bytes: hex('00') } },
    Body: { bytes: Buffer.from('x') },
  }
  const expected: CaptureRecord = {
    sequence: 7,
    offset: '42',
    enqueuedTimeMs: Date.UTC(2016, 10, 20, 3, 15, 38),
    systemProperties: [['x-opt-publisher', { branch: 'string', value: 'p' }]],
    properties: [
      ['a', { branch: 'long', value: 5 }],
      ['b', { branch: 'double', value: 1.5 }],
      ['c', { branch: 'bytes', value: hex('00') }],
    ],
    body: Buffer.from('x'),
  }

  test('2016: no null in Properties', async () => {
    const old = JSON.parse(captureSchemaText.replace(',"null"]', ']')) as object
    assert.deepEqual(await recordsOf(write(old, value)), [expected])
  })
  test('another order and more fields', async () => {
    const fields = [{ name: 'Extra', type: { type: 'array', items: 'string' } }, ...base.fields.toReversed()]
    const file = write({ ...base, fields, name: 'Other', namespace: 'x.y' }, { ...value, Extra: ['a', 'b'] })
    assert.deepEqual(await recordsOf(file), [expected])
  })
  test('a body that is never null', async () => {
    const fields = base.fields.map((field) => (field.name === 'Body' ? { name: 'Body', type: 'bytes' } : field))
    assert.deepEqual(await recordsOf(write({ ...base, fields }, { ...value, Body: Buffer.from('x') })), [expected])
  })
  test('longs beyond 2^53 in both ways of reading', async () => {
    const big = 2n ** 62n + 1n
    const record: CaptureRecord = { ...recordOf(1), properties: [['n', { branch: 'long', value: big }]] }
    assert.deepEqual(await recordsOf(await fileOfBlocks('null', [[record]])), [record])
  })
})

test('a reader may stop early and says where it is', async () => {
  const file = await fileOf('null', 3, 10)
  const reader = await CaptureFileReader.open('a.avro', streamOf(file))
  await reader.nextBlock()
  assert.equal(reader.nextRecord()?.sequence, 0)
  assert.equal((await reader.nextBlock())?.index, 1)
  assert.equal(reader.nextRecord()?.sequence, 10)
  assert.equal(reader.position, file.length - (file.length - (await fileOf('null', 2, 10)).length))
})
