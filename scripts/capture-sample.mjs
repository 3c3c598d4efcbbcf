// Writes Capture files of every kind for other people's readers: `node scripts/capture-sample.mjs DIR [EVENTS]`. Prints one line of
// JSON for each: path, codec, records. test/interop/capture-readers lets fastavro, avro-tools and DuckDB read them.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodeMessage } from '../src/wire/amqp/message.ts'
import { annotations } from '../src/wire/amqp/names.ts'
import { codecNames } from '../src/wire/capture/avro-codec.ts'
import { AvroFileWriter, emptyCaptureFile } from '../src/wire/capture/avro-file.ts'
import { CaptureEncoder } from '../src/wire/capture/capture-encoder.ts'
import { CaptureFileReader } from '../src/wire/capture/capture-reader.ts'
import { eventOfRecord } from '../src/wire/capture/capture-event.ts'
import { defaultNameFormat, parseNameFormat } from '../src/wire/capture/file-name.ts'

const [folder, countText = '1000'] = process.argv.slice(2)
const count = Number(countText)
if (folder === undefined || !Number.isSafeInteger(count)) {
  console.error('capture-sample: DIR [EVENTS]')
  process.exit(2)
}

const startMs = Date.UTC(2026, 10, 20, 0, 0, 38)
const blockBytes = 64 * 1024
const format = parseNameFormat(defaultNameFormat)
const sync = (index) => Buffer.alloc(16, index + 1)

/** Events with and without keys, properties of every branch, text and bytes for bodies. */
function message(index) {
  const string = (value) => ({ type: 'string', value })
  return encodeMessage({
    messageAnnotations:
      index % 2 === 0 ? [[{ type: 'symbol', value: annotations.partitionKey }, string(`key ${index % 7}`)]] : null,
    properties: index % 5 === 0 ? { messageId: string(`m${index}`), contentType: 'application/json' } : null,
    applicationProperties:
      index % 3 === 0
        ? [
            [string('n'), { type: 'int', value: -index }],
            [string('x'), { type: 'double', value: index / 8 }],
            [string('text'), string('größer')],
            [string('bytes'), { type: 'binary', value: Buffer.from([0, 255]) }],
            [string('none'), { type: 'null', value: null }],
          ]
        : null,
    body: { kind: 'data', sections: [Buffer.from(JSON.stringify({ id: index, pad: 'x'.repeat(index % 300) }))] },
  })
}

async function write(name, codec, bytes, records) {
  const path = join(folder, name)
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, bytes)
  // Our own reader goes first: what it cannot read nobody else need try.
  const reader = await CaptureFileReader.open(
    name,
    (async function* () {
      yield bytes
    })(),
  )
  let seen = 0
  while ((await reader.nextBlock()) !== null) {
    for (let record = reader.nextRecord(); record !== null; record = reader.nextRecord()) {
      if (eventOfRecord(record, 'orders', '0').sequence !== seen) throw new Error(`${name}: record ${seen} is another`)
      seen += 1
    }
  }
  if (seen !== records) throw new Error(`${name}: ${seen} records of ${records}`)
  console.log(JSON.stringify({ path, codec, records }))
}

for (const [index, codec] of codecNames.entries()) {
  const file = await AvroFileWriter.open({ codec, sync: sync(index), blockBytes })
  const encoder = new CaptureEncoder()
  const parts = [file.header]
  for (let i = 0; i < count; i += 1) {
    const bytes = message(i)
    encoder.beginBatch(startMs + i * 10, null)
    encoder.write(file.writer, bytes, 0, bytes.length, i, i * 256)
    file.recordEnded()
    if (file.isFull || i === count - 1) parts.push(await file.cut())
  }
  const place = { namespace: 'local', hub: 'orders', partition: index, startMs }
  await write(format.expand(place), codec, Buffer.concat(parts), count)
}
const place = { namespace: 'local', hub: 'orders', partition: codecNames.length, startMs }
await write(format.expand(place), 'null', emptyCaptureFile('null', sync(9)), 0)
