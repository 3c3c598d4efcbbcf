// Capture beside the kill -9 runs: switched on before the first kill, and at the end its files hold what the hub holds, each
// event exactly once.

import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { CaptureFileReader } from '../../../src/wire/capture/capture-reader.ts'
import { parseNameFormat } from '../../../src/wire/capture/file-name.ts'
import { captureDefaults } from '../../../src/daemon/broker/capture-settings.ts'
import { readEventBody } from '../event-body.ts'

/** So small that windows end several times a second while events come. */
const sizeBytes = 262_144

interface Running {
  readonly env: Readonly<Record<string, string>>
  readonly data: string
  readonly options: { readonly hub: string; readonly folder: string }
}

interface StoredEvent {
  readonly log: string
  readonly sequence: number
  readonly producer: number
  readonly number: number
}

export class CapturedFiles {
  readonly #daemon: Running
  readonly #executable: string
  readonly #folder: string
  /** By log and sequence: what the hub has. */
  readonly #stored = new Map<string, Map<number, StoredEvent>>()

  constructor(daemon: Running, executable: string) {
    this.#daemon = daemon
    this.#executable = executable
    this.#folder = join(daemon.options.folder, 'captured')
  }

  async enable(): Promise<void> {
    const settings = ['--interval', '1s', '--size', String(sizeBytes), '--skip-empty', '--destination']
    await this.#command('--enable', ...settings, `dir:${this.#folder}`)
  }

  async flush(): Promise<void> {
    await this.#command('--flush')
  }

  /** An event that was read back from the hub at the end. */
  stored(event: StoredEvent): void {
    const log = this.#stored.get(event.log) ?? new Map<number, StoredEvent>()
    this.#stored.set(event.log, log)
    log.set(event.sequence, event)
  }

  /** @returns Files and events in them. @throws When an event is missing, there twice, or not what was stored. */
  async judge(logName: (partition: number) => string): Promise<{ readonly files: number; readonly events: number }> {
    const format = parseNameFormat(captureDefaults.nameFormat)
    const names = readdirSync(this.#folder, { recursive: true }).map(String)
    const wrong: string[] = []
    const seen = new Set<string>()
    let files = 0
    for (const name of names.filter((one) => one.endsWith('.avro'))) {
      const place = format.parse(name)
      if (place === null) throw new Error(`"${name}" is no name of a Capture file`)
      files += 1
      const log = logName(place.partition)
      const reader = await CaptureFileReader.open(name, only(await readFile(join(this.#folder, name))))
      while ((await reader.nextBlock()) !== null) {
        for (let record = reader.nextRecord(); record !== null; record = reader.nextRecord()) {
          const key = `${log} ${record.sequence}`
          const event = this.#stored.get(log)?.get(record.sequence)
          const body = record.body === null ? null : readEventBody(Buffer.from(record.body))
          if (seen.has(key)) wrong.push(`${key} is in two files, the second is ${name}`)
          else if (event === undefined) wrong.push(`${key} in ${name} is not in the hub`)
          else if (body?.isIntact !== true || body.producer !== event.producer || body.number !== event.number) {
            wrong.push(`${key} in ${name} is not what the hub has`)
          }
          seen.add(key)
        }
      }
    }
    for (const [log, events] of this.#stored) {
      for (const sequence of events.keys())
        if (!seen.has(`${log} ${sequence}`)) wrong.push(`${log} ${sequence} is in no file`)
    }
    if (wrong.length > 0) throw new Error(`Capture: ${wrong.length} violations: ${wrong.slice(0, 20).join('; ')}`)
    return { files, events: seen.size }
  }

  async #command(...words: readonly string[]): Promise<void> {
    const { env, data, options } = this.#daemon
    const argv = ['capture', options.hub, ...words]
    await promisify(execFile)(this.#executable, argv, { env: { ...env, EHUB_DATA_DIR: data } })
  }
}

async function* only(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes
}
