// Reads back files just written and compares them with what was meant to be in them.

import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { EhubError } from '../base/error.ts'
import { CaptureFileReader } from '../wire/capture/capture-reader.ts'
import type { ExportedFile } from './capture-file-writer.ts'

/** What does not hold, a line each; empty: everything does. */
export async function verifyFiles(folder: string, files: readonly ExportedFile[]): Promise<readonly string[]> {
  const problems: string[] = []
  for (const file of files) {
    try {
      const problem = await verifyFile(join(folder, file.name), file)
      if (problem !== null) problems.push(`${file.name}: ${problem}`)
    } catch (error) {
      if (!(error instanceof EhubError)) throw error
      problems.push(error.message)
    }
  }
  return problems
}

async function verifyFile(path: string, file: ExportedFile): Promise<string | null> {
  const reader = await CaptureFileReader.open(path, createReadStream(path) as AsyncIterable<Buffer>)
  let crc = 0
  let events = 0
  let last = -1
  for (let block = await reader.nextBlock(); block !== null; block = await reader.nextBlock()) {
    crc = crc32(block.payload, crc)
    for (let record = reader.nextRecord(); record !== null; record = reader.nextRecord()) {
      if (record.sequence <= last) return `sequence number ${record.sequence} follows ${last}`
      if (events === 0 && record.sequence !== file.firstSequence) {
        return `begins with ${record.sequence} instead of ${file.firstSequence}`
      }
      last = record.sequence
      events += 1
    }
  }
  if (events !== file.events) return `${events} events instead of ${file.events}`
  if (last !== file.lastSequence) return `ends with ${last} instead of ${file.lastSequence}`
  return crc === file.recordsCrc ? null : 'the events read back are not those that were written'
}
