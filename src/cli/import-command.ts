// `ehub import HUB FILE…`: events from lines of JSON, CSV and Capture files into a hub, as they were where that is asked for.

import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Clock } from '../base/clock.ts'
import { parseDuration } from '../base/duration.ts'
import { EhubError } from '../base/error.ts'
import type { Random } from '../base/random.ts'
import { openCaptureSource, placeFiles } from '../client/capture/capture-source.ts'
import type { HubClient } from '../client/hub-client.ts'
import { defaultNameFormat, parseNameFormat } from '../wire/capture/file-name.ts'
import { formatCount, parseRate } from '../wire/events/units.ts'
import { EventSender, parseSpeed } from './event-sender.ts'
import type { HubTarget } from './hub-target.ts'
import { type ImportFormat, readImport } from './import-input.ts'
import type { Interrupts } from './interrupts.ts'
import type { Output } from './output.ts'
import { Progress } from './progress.ts'
import { ResumeFile } from './resume-file.ts'
import { RetryNotice } from './retry-notice.ts'
import { SendPipeline } from './send-pipeline.ts'
import { RejectList, summaryText } from './send-report.ts'

export interface ImportFlags {
  readonly format: ImportFormat
  readonly 'name-format'?: string | undefined
  readonly 'keep-partition': boolean
  readonly 'keep-key': boolean
  readonly 'preserve-time': boolean
  readonly 'shift-time'?: string | undefined
  readonly rate?: string | undefined
  readonly speed: string
  readonly resume: boolean
  readonly 'skip-errors': boolean
  readonly json: boolean
  readonly 'no-progress': boolean
}

export interface ImportOptions {
  readonly flags: ImportFlags
  readonly files: readonly string[]
  readonly target: HubTarget
  readonly clock: Clock
  readonly random: Random
  readonly output: Output
  readonly interrupts: Interrupts
  readonly retryDeadlineMs: number
  readonly env: Readonly<Record<string, string | undefined>>
  readonly connect: (target: HubTarget) => Promise<HubClient>
}

export const copyBatchBytes = 512 * 1024
const lingerMs = 10

/** @throws EhubError; sets the exit code when it was interrupted. */
export async function importCommand(options: ImportOptions): Promise<void> {
  const { flags, clock, random, output, interrupts, target } = options
  const timeShift = timeShiftOf(flags)
  const rate = flags.rate === undefined ? null : parseRate(flags.rate)
  const speed = parseSpeed(flags.speed)
  const format = parseNameFormat(flags['name-format'] ?? defaultNameFormat)
  const inputs = options.files.length === 0 ? ['-'] : options.files
  if (flags.resume && inputs.includes('-')) throw new EhubError('usage', 'stdin cannot be resumed: name files')
  const placed = []
  for (const input of inputs) {
    const source = await openCaptureSource(input, options.env, clock)
    placed.push(...placeFiles(await source.list(), [format]))
  }
  const sizes = placed.map(({ file }) => file.bytes)
  const totalBytes = sizes.includes(null) ? null : sizes.reduce((sum: number, bytes) => sum + (bytes ?? 0), 0)
  const resume = new ResumeFile(statePath(options, inputs), clock, decodeState)
  const state = flags.resume ? resume.load() : null
  const skipped = state?.sent ?? 0
  let sent = skipped
  const client = await options.connect(target)
  const rejects = new RejectList(output)
  const notice = new RetryNotice(clock, output)
  const startedAt = clock.monotonicMs()
  let readBytes = 0
  let progress: Progress | null = null
  let account = { events: 0, bytes: 0, batches: 0, rejected: 0 }
  try {
    const partitionIds = await interrupts.during(client.partitionIds())
    const sender = new EventSender(
      {
        clock,
        partitionIds,
        keepsPartition: flags['keep-partition'],
        keepsKey: flags['keep-key'],
        timeShift,
        rate,
        speed,
        skipsErrors: flags['skip-errors'],
        signal: interrupts.signal,
        onRejected: (place, error) => rejects.add(place, error.message),
        onSettled: (number) => {
          sent = number
          if (!inputs.includes('-') && resume.isDue) resume.save({ v: 1, sent })
        },
      },
      skipped,
    )
    account = sender.account
    progress = new Progress({
      clock,
      output,
      verb: 'imported',
      isOff: flags['no-progress'],
      state: () => ({ ...sender.account, done: readBytes, total: totalBytes }),
    })
    const pipeline = await interrupts.during(
      SendPipeline.open({
        clock,
        random,
        openSender: (partition) => client.openSender(partition),
        partition: null,
        key: null,
        partitionIds,
        limits: { batchBytes: copyBatchBytes, batchCount: Number.MAX_SAFE_INTEGER },
        lingerMs,
        deadlineMs: options.retryDeadlineMs,
        keepsNumbers: true,
        onAccepted: (batch) => sender.accepted(batch),
        onRefused: (batch, error) => sender.refused(batch, error),
        onRetry: (error) => notice.tell(error),
      }),
    )
    sender.use(pipeline)
    try {
      let number = 0
      for (const file of placed) {
        const counted = {
          file: { ...file.file, open: () => counting(file.file.open(), (bytes) => (readBytes += bytes)) },
        }
        for await (const records of readImport({ ...file, ...counted }, flags.format)) {
          for (const { place, event, error } of records) {
            if (interrupts.signal.aborted) break
            number += 1
            if (number <= skipped) continue
            if (event === null) sender.reject(error, number, place)
            else await sender.send(event, number, place)
          }
          if (interrupts.signal.aborted) break
        }
        if (interrupts.signal.aborted) break
      }
    } catch (error) {
      // What was read before the failure is sent; the first error is the one to tell.
      await pipeline.finish().catch(() => undefined)
      pipeline.close()
      throw error
    }
    await pipeline.finish()
    pipeline.close()
    if (interrupts.first === null) resume.remove()
  } catch (error) {
    if (!(error instanceof EhubError) || inputs.includes('-') || sent === 0) throw error
    resume.save({ v: 1, sent })
    const hint = `${formatCount(sent)} events are sent; --resume goes on behind them${error.hint === undefined ? '' : `; ${error.hint}`}`
    throw new EhubError(error.code, error.message, { hint, cause: error.cause })
  } finally {
    progress?.stop()
    if (interrupts.first !== null && !inputs.includes('-') && sent > 0) resume.save({ v: 1, sent })
    await client.close()
  }
  const elapsedMs = clock.monotonicMs() - startedAt
  if (flags.json) output.json({ hub: target.hub, ...account, skipped, elapsedMs: Math.round(elapsedMs) })
  else output.note(summaryText({ ...account, readBytes }, target.hub, elapsedMs, false).replace('sent', 'imported'))
  if (interrupts.first !== null) {
    output.suggest('Go on with the same words and --resume')
    process.exitCode = interrupts.exitCode
  } else if (account.rejected > 0) {
    throw new EhubError(
      'partial',
      `${formatCount(account.rejected)} events were left out, ${formatCount(account.events)} imported`,
    )
  }
}

/** From `--preserve-time` and `--shift-time`. @throws EhubError `usage`. */
export function timeShiftOf(flags: {
  readonly 'preserve-time': boolean
  readonly 'shift-time'?: string | undefined
}): { readonly ms: number } | 'now' | null {
  const text = flags['shift-time']
  if (text === undefined) return flags['preserve-time'] ? { ms: 0 } : null
  if (text === 'now') return 'now'
  const sign = text.startsWith('-') ? -1 : 1
  return { ms: sign * parseDuration(text.replace(/^[+-]/, '')) }
}

async function* counting(source: AsyncIterable<Buffer>, count: (bytes: number) => void): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    count(chunk.length)
    yield chunk
  }
}

interface ImportState {
  readonly v: 1
  /** Events of the input, from its beginning, that are acknowledged or left out. */
  readonly sent: number
}

function decodeState(value: unknown): ImportState | null {
  if (typeof value !== 'object' || value === null) return null
  const { v, sent } = value as Partial<ImportState>
  return v === 1 && Number.isSafeInteger(sent) && Number(sent) >= 0 ? { v, sent: Number(sent) } : null
}

/** One for each hub and list of files, in the user's state folder: the files may lie where nobody may write. */
function statePath({ env, target }: ImportOptions, inputs: readonly string[]): string {
  const home = env.XDG_STATE_HOME ?? ''
  const folder = join(home === '' ? join(homedir(), '.local', 'state') : home, 'ehub')
  const hash = createHash('sha256')
  hash.update(JSON.stringify([target.hub.toLowerCase(), ...inputs.map((input) => resolve(input))]))
  if (!inputs.includes('-')) mkdirSync(folder, { recursive: true, mode: 0o700 })
  return join(folder, `import-${hash.digest('hex').slice(0, 16)}.json`)
}
