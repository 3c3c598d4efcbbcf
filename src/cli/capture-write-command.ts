// `ehub capture-export HUB --out DIR`: the events a hub holds as Capture files. `ehub-export.json` in the folder says what is
// there: with it a run goes on where another ended, after a crash too, and a later one adds what has come since.

import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../base/clock.ts'
import { parseDuration } from '../base/duration.ts'
import { EhubError } from '../base/error.ts'
import type { Random } from '../base/random.ts'
import type { HubClient } from '../client/hub-client.ts'
import { RetryPolicy } from '../client/retry.ts'
import { type CodecName, loadCodec } from '../wire/capture/avro-codec.ts'
import { defaultNameFormat, parseNameFormat } from '../wire/capture/file-name.ts'
import { checkEntityName } from '../wire/entity-names.ts'
import { projectError } from '../wire/errors.ts'
import { parsePositionSpec } from '../wire/events/position.ts'
import { formatCount, formatElapsed, formatSize, parseSize } from '../wire/events/units.ts'
import { CaptureFileWriter, type ExportedFile, type SplitRule } from './capture-file-writer.ts'
import { verifyFiles } from './capture-verify.ts'
import { HubRange, planRange, type RangePlan } from './hub-range.ts'
import type { HubTarget } from './hub-target.ts'
import type { Interrupts } from './interrupts.ts'
import type { Output } from './output.ts'
import type { PartitionReader } from './partition-reader.ts'
import { Progress } from './progress.ts'
import { groupOf } from './receive-command.ts'
import { ResumeFile } from './resume-file.ts'
import { RetryNotice } from './retry-notice.ts'

export interface CaptureWriteFlags {
  readonly out: string
  readonly from?: string | undefined
  readonly to?: string | undefined
  readonly partition?: string | undefined
  readonly 'name-format'?: string | undefined
  readonly namespace: string
  readonly group: string
  readonly split: string
  readonly codec: CodecName
  readonly resume: boolean
  readonly verify: boolean
  readonly json: boolean
  readonly 'no-progress': boolean
}

export interface CaptureWriteOptions {
  readonly flags: CaptureWriteFlags
  readonly target: HubTarget
  readonly clock: Clock
  readonly random: Random
  readonly output: Output
  readonly interrupts: Interrupts
  readonly retryDeadlineMs: number
  readonly connect: (target: HubTarget) => Promise<HubClient>
}

/** What is in the folder. */
interface ExportState {
  readonly v: 1
  readonly hub: string
  readonly nameFormat: string
  /** Behind the last event exported, by partition. */
  readonly next: Record<string, number>
  readonly files: ExportedFile[]
}

export const exportStateName = 'ehub-export.json'

// Each has a block of a megabyte open.
const concurrency = 16

/** @throws EhubError; sets the exit code: 12 when what was written does not read back, 130 when interrupted. */
export async function captureWriteCommand(options: CaptureWriteOptions): Promise<void> {
  const { flags, target, clock, random, output, interrupts } = options
  const nameFormat = flags['name-format'] ?? defaultNameFormat
  const format = parseNameFormat(nameFormat)
  checkEntityName('namespace', flags.namespace)
  const split = parseSplit(flags.split)
  const codec = await loadCodec(flags.codec)
  const nowMs = clock.now()
  const from = flags.from === undefined ? null : parsePositionSpec(flags.from, nowMs)
  const to = flags.to === undefined ? null : parsePositionSpec(flags.to, nowMs)
  const group = groupOf(flags.group)
  const resume = new ResumeFile(join(flags.out, exportStateName), clock, decodeState)
  const state = openState(flags, target.hub, nameFormat, resume)
  const known = state.files.length
  const startedAt = clock.monotonicMs()
  const account = { events: 0, bytes: 0 }
  const client = await options.connect(target)
  const notice = new RetryNotice(clock, output)
  let progress: Progress | null = null
  const writers = new Map<string, CaptureFileWriter>()
  try {
    const nextSequences = new Map(Object.entries(state.next).map(([partition, next]) => [Number(partition), next]))
    const plans = await interrupts.during(
      planRange(client, { from, to, partitions: flags.partition, nextSequences, nowMs }),
    )
    const total = plans.reduce((sum, plan: RangePlan) => sum + plan.eventsMax, 0)
    progress = new Progress({
      clock,
      output,
      verb: 'exported',
      isOff: flags['no-progress'],
      state: () => ({ ...account, done: account.events, total }),
    })
    const names = new Set(state.files.map(({ name }) => name))
    const unreleased = new Map<PartitionReader, number>()
    const releaseAll = () => {
      for (const [reader, count] of unreleased) {
        if (count === 0 || writers.get(reader.partition)?.isBehind === true) continue
        unreleased.set(reader, 0)
        reader.release(count)
      }
    }
    const writerOf = (partition: string): CaptureFileWriter => {
      const existing = writers.get(partition)
      if (existing !== undefined) return existing
      const writer = new CaptureFileWriter({
        folder: flags.out,
        namespace: flags.namespace,
        hub: target.hub,
        partition: Number(partition),
        format,
        codec,
        split,
        random,
        isChecked: flags.verify,
        names,
        isResumed: flags.resume,
        onFile: (file) => {
          state.files.push(file)
          state.next[partition] = file.lastSequence + 1
          resume.save(state)
        },
        onCaughtUp: releaseAll,
        onFailed: (error) => range.fail(error),
      })
      writers.set(partition, writer)
      return writer
    }
    const range: HubRange = new HubRange({
      clock,
      client,
      plans,
      group,
      concurrency,
      makeRetry: () => new RetryPolicy({ clock, random, deadlineMs: options.retryDeadlineMs }),
      signal: interrupts.signal,
      onEvent: (reader) => {
        const { event } = reader
        try {
          writerOf(reader.partition).add(event)
        } catch (error) {
          return range.fail(error)
        }
        account.events += 1
        account.bytes += event.end - event.start
        unreleased.set(reader, (unreleased.get(reader) ?? 0) + 1)
      },
      onReadEnd: releaseAll,
      onPartitionEnd: (partition) => {
        const writer = writers.get(partition)
        writers.delete(partition)
        endings.push(writer?.finish() ?? Promise.resolve())
      },
      onRetry: (error) => notice.tell(error),
    })
    const endings: Promise<void>[] = []
    await range.run()
    // Also when interrupted: what was read is kept as whole files.
    for (const writer of writers.values()) endings.push(writer.finish())
    await Promise.all(endings)
    writers.clear()
  } finally {
    progress?.stop()
    for (const writer of writers.values()) writer.abandon()
    await client.close()
  }
  resume.save(state)
  const files = state.files.slice(known)
  const problems = flags.verify ? await verifyFiles(flags.out, files) : []
  tell(options, files, account, problems, clock.monotonicMs() - startedAt)
  if (problems.length > 0) process.exitCode = projectError('integrity').exit
  else if (interrupts.first !== null) process.exitCode = interrupts.exitCode
}

/** A size or a span of time. @throws EhubError `usage`. */
function parseSplit(text: string): SplitRule {
  if (/^[\d.]+(ms|[smhd])/.test(text)) {
    const spanMs = parseDuration(text)
    if (spanMs < 1000) throw new EhubError('usage', `--split ${text}: a file spans a second at least`)
    return { bytes: null, spanMs }
  }
  const bytes = parseSize(text)
  if (bytes < 1) throw new EhubError('usage', `--split ${text}: a file holds something`)
  return { bytes, spanMs: null }
}

function openState(
  flags: CaptureWriteFlags,
  hub: string,
  nameFormat: string,
  resume: ResumeFile<ExportState>,
): ExportState {
  try {
    mkdirSync(flags.out, { recursive: true, mode: 0o700 })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new EhubError('argument-error', `cannot make the folder "${flags.out}": ${reason}`, { cause: error })
  }
  if (!flags.resume) {
    if (existsSync(resume.path)) {
      throw new EhubError('file-exists', `"${flags.out}" holds an export already`, {
        hint: '--resume goes on behind its last event; or name another folder',
      })
    }
    return { v: 1, hub, nameFormat, next: {}, files: [] }
  }
  const state = resume.load()
  if (state === null) return { v: 1, hub, nameFormat, next: {}, files: [] }
  if (state.hub.toLowerCase() !== hub.toLowerCase()) {
    throw new EhubError('usage', `"${flags.out}" holds an export of hub "${state.hub}", not of "${hub}"`)
  }
  return state
}

function decodeState(value: unknown): ExportState | null {
  if (typeof value !== 'object' || value === null) return null
  const { v, hub, nameFormat, next, files } = value as Partial<ExportState>
  if (v !== 1 || typeof hub !== 'string' || typeof nameFormat !== 'string' || !Array.isArray(files)) return null
  if (typeof next !== 'object' || !Object.values(next).every(Number.isSafeInteger)) return null
  return { v, hub, nameFormat, next, files }
}

function tell(
  { flags, target, output }: CaptureWriteOptions,
  files: readonly ExportedFile[],
  { events }: { readonly events: number },
  problems: readonly string[],
  elapsedMs: number,
): void {
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
  if (flags.json) {
    output.json({ hub: target.hub, events, bytes, files, problems, elapsedMs: Math.round(elapsedMs) })
    return
  }
  for (const problem of problems) output.print(problem)
  const count = `${formatCount(files.length)} ${files.length === 1 ? 'file' : 'files'}`
  const verified = !flags.verify ? '' : problems.length === 0 ? ', read back well' : `, ${problems.length} problems`
  output.note(
    `exported ${formatCount(events)} ${events === 1 ? 'event' : 'events'} of ${target.hub} to ${flags.out}: ${count} (${formatSize(bytes)}) in ${formatElapsed(elapsedMs)}${verified}`,
  )
}
