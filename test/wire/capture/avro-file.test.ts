import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import avro from 'avsc'
import { AvroFileWriter, captureFileHeader, emptyCaptureFile } from '../../../src/wire/capture/avro-file.ts'
import { captureSchemaText } from '../../../src/wire/capture/schema.ts'
import { hex } from '../amqp/bytes.ts'
import { avscRecords, fileOf, recordsOf, sync, textRecord } from './files.ts'

test('the schema is the service’s, letter by letter', () => {
  assert.equal(Buffer.byteLength(captureSchemaText), 438)
  // Written out here once more, as it stands in files of the service.
  assert.equal(
    captureSchemaText,
    `{"type":"record","name":"EventData","namespace":"Microsoft.ServiceBus.Messaging","fields":[{"name":"SequenceNumber","type":"long"},{"name":"Offset","type":"string"},{"name":"EnqueuedTimeUtc","type":"string"},{"name":"SystemProperties","type":{"type":"map","values":["long","double","string","bytes"]}},{"name":"Properties","type":{"type":"map","values":["long","double","string","bytes","null"]}},{"name":"Body","type":["null","bytes"]}]}`,
  )
})

test('the header: magic, codec first, then schema, sync; 490 bytes', () => {
  const header = captureFileHeader('null', sync)
  const expected = Buffer.concat([
    hex('4f 62 6a 01'), // Obj 1
    hex('04'), // two entries
    hex('14'), // ten letters
    Buffer.from('avro.codec'),
    hex('08'), // four letters
    Buffer.from('null'),
    hex('16'), // eleven letters
    Buffer.from('avro.schema'),
    hex('ec 06'), // 438 letters
    Buffer.from(captureSchemaText),
    hex('00'), // no more entries
    sync,
  ])
  assert.equal(header.length, 490)
  assert.deepEqual(header, expected)
})

test('a file without records has 508 bytes: header, a block of nothing, sync', async () => {
  const file = emptyCaptureFile('null', sync)
  assert.equal(file.length, 508)
  assert.deepEqual(file.subarray(490), Buffer.concat([hex('00 00'), sync]))
  assert.equal(
    createHash('sha256').update(file).digest('hex'),
    '53051545be5a25842c4cc8f2799a5634a25d3fe6ba4ea477103f2718cdc16519',
  )
  assert.deepEqual(await recordsOf(file), [])
  assert.deepEqual(await avscRecords(file), [])
})

test('a file of one record, byte by byte', async () => {
  const writer = await AvroFileWriter.open({ codec: 'null', sync })
  writer.writer.bytes(textRecord)
  writer.recordEnded()
  const block = await writer.cut()
  assert.deepEqual(
    block,
    Buffer.concat([hex('02'), hex('da 01'), textRecord, sync]), // one record, 109 bytes
  )
  const [record] = await avscRecords(Buffer.concat([writer.header, block]))
  assert.deepEqual(record, {
    SequenceNumber: 1,
    Offset: '1456',
    EnqueuedTimeUtc: '12/9/2022 4:51:25 PM',
    SystemProperties: {
      'x-opt-partition-key': { string: 'k9' },
      'x-opt-enqueued-time': { long: 1670604685193 },
    },
    Properties: { n: { long: -3 }, t: { string: 'x' }, nothing: null },
    Body: { bytes: Buffer.from('{"a":1}') },
  })
})

for (const codec of ['null', 'deflate'] as const) {
  test(`blocks of ${codec} are cut where the caller says; avsc reads all of them`, async () => {
    const file = await fileOf(codec, 3, 40)
    const records = await avscRecords(file)
    assert.equal(records.length, 120)
    assert.deepEqual(
      (await recordsOf(file)).map(({ sequence }) => sequence),
      records.map((record) => Reflect.get(record, 'SequenceNumber')),
    )
  })
}

test('a block given back is used again, and bytes given out before stay what they were', async () => {
  const writer = await AvroFileWriter.open({ codec: 'null', sync })
  const blocks: Buffer[] = []
  const copies: Buffer[] = []
  for (let i = 0; i < 4; i += 1) {
    writer.writer.bytes(textRecord)
    writer.recordEnded()
    const block = await writer.cut()
    copies.push(Buffer.from(block))
    blocks.push(block)
    if (i === 1) writer.giveBack(block)
  }
  assert.deepEqual(blocks[0], copies[0])
  assert.deepEqual(blocks[2], copies[2])
  assert.notEqual(blocks[2]?.buffer, blocks[3]?.buffer)
  assert.equal(blocks[3]?.buffer === blocks[1]?.buffer || blocks[2]?.buffer === blocks[1]?.buffer, true)
})

test('avsc takes the schema and finds the types of its unions', () => {
  const type = avro.Type.forSchema(JSON.parse(captureSchemaText) as Parameters<typeof avro.Type.forSchema>[0], {
    wrapUnions: true,
  })
  assert.equal(type.name, 'Microsoft.ServiceBus.Messaging.EventData')
})
