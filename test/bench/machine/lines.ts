// Writes a file of lines of mixed length, timing the disk, then reads it again as the sender does: split into lines, each
// encoded as one event of a batch, thrown away. What the sender could do if nobody had to take its events.

import { closeSync, createReadStream, fdatasyncSync, openSync, writeSync } from 'node:fs'
import { dataMessage } from '../load/amqp-frames.ts'
import { work } from '../load/job.ts'

export interface LinesResult {
  readonly count: number
  readonly writeMegabytesPerSecond: number
  readonly encodeMegabytesPerSecond: number
}

const words = 'each event of a partition has its place and keeps it for as long as the log does'.split(' ')
const batchBytesMax = 1024 * 1024
/** One block of lines is made and written over and over, so that the disk is timed and not its making. */
const linesPerBlock = 20_000

work<{ readonly file: string; readonly bytes: number }>(async (job, runner) => {
  runner.ready({})
  await runner.go()
  let text = ''
  for (let line = 0; line < linesPerBlock; line++) {
    // 20 to 400 bytes: a number and a varying number of words.
    text += `${line}`
    for (let word = 0; word < 3 + ((line * 7919) % 90); word++) text += ` ${words[(line + word) % words.length]}`
    text += '\n'
  }
  const block = Buffer.from(text)
  const file = openSync(job.file, 'w')
  let count = 0
  let written = 0
  const began = performance.now()
  for (; written < job.bytes; written += block.length, count += linesPerBlock) writeSync(file, block)
  fdatasyncSync(file)
  closeSync(file)
  const wroteSeconds = (performance.now() - began) / 1000
  const encodeBegan = performance.now()
  let carry: Buffer = Buffer.alloc(0)
  let batch: Buffer[] = []
  let batchBytes = 0
  let batches = 0
  for await (const chunk of createReadStream(job.file, { highWaterMark: 256 * 1024 }) as AsyncIterable<Buffer>) {
    const bytes = carry.length === 0 ? chunk : Buffer.concat([carry, chunk])
    let at = 0
    for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, at)) {
      const event = dataMessage(dataMessage(bytes.subarray(at, end)))
      if (batchBytes + event.length > batchBytesMax) {
        batches += Buffer.concat(batch).length > 0 ? 1 : 0
        batch = []
        batchBytes = 0
      }
      batch.push(event)
      batchBytes += event.length
      at = end + 1
    }
    carry = Buffer.from(bytes.subarray(at))
  }
  if (batches === 0 && batch.length === 0) throw new Error('nothing was encoded')
  const encodeSeconds = (performance.now() - encodeBegan) / 1000
  runner.result({
    count,
    writeMegabytesPerSecond: written / 1e6 / wroteSeconds,
    encodeMegabytesPerSecond: written / 1e6 / encodeSeconds,
  } satisfies LinesResult)
})
