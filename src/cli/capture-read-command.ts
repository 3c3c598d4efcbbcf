// `ehub capture-export --source …`: Capture files into lines of JSON, CSV, raw bodies or Parquet.

import type { Clock } from '../base/clock.ts'
import { EhubError } from '../base/error.ts'
import { openCaptureSource } from '../client/capture/capture-source.ts'
import { defaultNameFormat, parseNameFormat } from '../wire/capture/file-name.ts'
import { unescape } from '../wire/events/event-format.ts'
import { parsePartitionList, parsePositionSpec } from '../wire/events/position.ts'
import { formatCount, formatElapsed, formatSize } from '../wire/events/units.ts'
import { projectError } from '../wire/errors.ts'
import { type ByteTarget, openOutputFile, openStdout } from './byte-target.ts'
import { CaptureCheck } from './capture-check.ts'
import type { CapturedFiles } from './captured-source.ts'
import { CaptureRead, type ReadAccount, type ReadProgress } from './capture-read.ts'
import { type EventSink, type ExportBodyMode, type ExportFormat, exportFormats, openSink } from './capture-sinks.ts'
import type { Interrupts } from './interrupts.ts'
import type { Output } from './output.ts'
import { Progress } from './progress.ts'
import { ResumeFile } from './resume-file.ts'

export interface CaptureReadFlags {
  readonly source: readonly string[]
  readonly out?: string | undefined
  readonly format?: ExportFormat | undefined
  readonly body: ExportBodyMode
  readonly delimiter: string
  readonly from?: string | undefined
  readonly to?: string | undefined
  readonly partition?: string | undefined
  readonly 'name-format'?: string | undefined
  readonly follow: boolean
  readonly resume: boolean
  readonly overwrite: boolean
  readonly verify: boolean
  readonly json: boolean
  readonly 'no-progress': boolean
}

export interface CaptureReadCommandOptions {
  readonly flags: CaptureReadFlags
  /** Hub named: files that are said to be of another are left out; null: none. */
  readonly hub: string | null
  /** Where that hub is captured to; null: not asked for. */
  readonly captured: CapturedFiles | null
  readonly clock: Clock
  readonly output: Output
  readonly interrupts: Interrupts
  readonly env: Readonly<Record<string, string | undefined>>
}

/** As FILE1 of the service's own samples is named; tried where the default does not fit. */
const otherNameFormats = [
  '{Namespace}/{EventHub}/p{PartitionId}--{Year}-{Month}-{Day}--{Hour}-{Minute}-{Second}',
  '{Namespace}/{EventHub}/{PartitionId}/{Year}_{Month}_{Day}_{Hour}_{Minute}_{Second}',
]

interface ReadState extends ReadProgress {
  readonly v: 1
  outBytes: number
  events: number
  bytes: number
}

/** @throws EhubError; sets the exit code: 12 for problems found, 130 when interrupted before the end. */
export async function captureReadCommand(options: CaptureReadCommandOptions): Promise<void> {
  const { flags, clock, output, interrupts, env } = options
  const format = formatOf(flags)
  const isOnlyChecked = flags.verify && flags.out === undefined
  checkFlags(flags, format, output)
  const nowMs = clock.now()
  const usual = [
    ...(options.captured === null ? [] : [options.captured.nameFormat]),
    defaultNameFormat,
    ...otherNameFormats,
  ]
  const formats = (flags['name-format'] === undefined ? usual : [flags['name-format']]).map(parseNameFormat)
  const sources = [
    ...(options.captured === null ? [] : [options.captured.source]),
    ...(await Promise.all(flags.source.map((source) => openCaptureSource(source, env, clock)))),
  ]
  const file = flags.out === undefined || flags.out === '-' ? null : flags.out
  const resume = file === null ? null : new ResumeFile(`${file}.resume.json`, clock, decodeState)
  const state = startState(flags, resume)
  const isResumed = state.outBytes > 0 || state.done.length > 0 || state.current !== null
  const check = flags.verify ? new CaptureCheck() : null
  const target = isOnlyChecked ? null : file === null ? openStdout() : openOutput(file, state, isResumed, flags)
  const sink =
    target === null
      ? null
      : await openSink({
          format,
          bodyMode: flags.body,
          delimiter: Buffer.from(unescape(flags.delimiter)),
          target,
          isResumed,
        })
  const save = () => {
    if (resume === null || target === null || format === 'parquet') return
    resume.save({ ...state, outBytes: target.position })
  }
  const read = new CaptureRead({
    clock,
    sources,
    formats,
    partitions: flags.partition === undefined ? null : new Set(parsePartitionList(flags.partition)),
    from: flags.from === undefined ? null : parsePositionSpec(flags.from, nowMs),
    to: flags.to === undefined ? null : parsePositionSpec(flags.to, nowMs),
    isFollowing: flags.follow,
    signal: interrupts.signal,
    check,
    progress: state,
    hub: options.hub,
    onEvent: (event) => sink?.add(event),
    isFull: () => sink?.isFull ?? false,
    onFull: async () => {
      await sink?.flush()
      if (target?.isClosed === true) throw new ReaderLeft()
    },
    onBlockEnd: async () => {
      if (sink === null || (!flags.follow && resume?.isDue !== true)) return
      if (format !== 'parquet') await sink.flush()
      if (target?.isClosed === true) throw new ReaderLeft()
      save()
    },
  })
  const startedAt = clock.monotonicMs()
  const progress = new Progress({
    clock,
    output,
    verb: check === null ? 'exported' : 'checked',
    isOff: flags['no-progress'],
    state: () => ({ ...read.account, done: read.account.readBytes, total: read.account.totalBytes }),
  })
  let isLeft = false
  try {
    await read.run().catch((error: unknown) => {
      if (!(error instanceof ReaderLeft)) throw error
      isLeft = true
    })
    await finish(sink, target)
    if (interrupts.first === null) resume?.remove()
    else save()
  } catch (error) {
    // What is intact in front of a damage is written.
    await finish(sink, target).catch(() => undefined)
    throw error
  } finally {
    progress.stop()
    target?.abandon()
  }
  const elapsedMs = clock.monotonicMs() - startedAt
  await tell(options, read.account, check, elapsedMs)
  if (interrupts.first !== null && !flags.follow && !isLeft) process.exitCode = interrupts.exitCode
  else if (check !== null && check.problemCount > 0) process.exitCode = projectError('integrity').exit
}

/** The reader of stdout has gone, which is a normal end. */
class ReaderLeft extends Error {
  override readonly name = 'ReaderLeft'
}

async function finish(sink: EventSink | null, target: ByteTarget | null): Promise<void> {
  await sink?.finish()
  await target?.finish()
}

function formatOf({ format, out }: CaptureReadFlags): ExportFormat {
  if (format !== undefined) return format
  const extension = /\.([a-z]+)$/i.exec(out ?? '')?.[1]?.toLowerCase()
  return exportFormats.find((name) => name === extension) ?? 'jsonl'
}

function checkFlags(flags: CaptureReadFlags, format: ExportFormat, output: Output): void {
  const wrong = (message: string, hint?: string) => {
    throw new EhubError('usage', message, hint === undefined ? {} : { hint })
  }
  const isFile = flags.out !== undefined && flags.out !== '-'
  if (format === 'parquet') {
    if (!isFile && !flags.verify && output.isTerminal) wrong('Parquet is no text: name a file with --out')
    if (flags.resume) wrong('a Parquet file is written in one go and cannot be resumed', 'leave out --resume')
    if (flags.follow) wrong('a Parquet file has an end, so it cannot follow', 'export a range, or follow as jsonl')
  }
  if (flags.resume && !isFile) wrong('--resume needs --out FILE: stdout cannot be continued')
  if (flags.resume && flags.overwrite) wrong('--resume and --overwrite together')
  if (flags.follow && flags.verify) wrong('--follow has no end to verify at')
  if (flags.source.filter((source) => source === '-').length > 1) wrong('stdin is named twice')
}

function startState(flags: CaptureReadFlags, resume: ResumeFile<ReadState> | null): ReadState {
  const fresh: ReadState = { v: 1, done: [], current: null, outBytes: 0, events: 0, bytes: 0 }
  return (flags.resume ? resume?.load() : null) ?? fresh
}

function openOutput(path: string, state: ReadState, isResumed: boolean, flags: CaptureReadFlags): ByteTarget {
  return openOutputFile(path, isResumed ? state.outBytes : null, flags.overwrite)
}

function decodeState(value: unknown): ReadState | null {
  if (typeof value !== 'object' || value === null) return null
  const state = value as Partial<ReadState>
  const isNumber = (number: unknown) => Number.isSafeInteger(number) && Number(number) >= 0
  const isOurs = state.v === 1 && Array.isArray(state.done) && isNumber(state.outBytes)
  if (!isOurs || !isNumber(state.events) || !isNumber(state.bytes)) return null
  const { current = null } = state
  if (current !== null && (typeof current.file !== 'string' || !isNumber(current.blocks))) return null
  return { ...(state as ReadState), done: [...(state.done ?? [])], current }
}

async function tell(
  { flags, output }: CaptureReadCommandOptions,
  account: ReadAccount,
  check: CaptureCheck | null,
  elapsedMs: number,
): Promise<void> {
  const { events, bytes, files } = account
  const isDataOnStdout = check === null ? flags.out === undefined || flags.out === '-' : flags.out === '-'
  if (flags.json && !isDataOnStdout) {
    const checked = check === null ? {} : { partitions: check.partitions(), problems: check.problems }
    output.json({ events, bytes, files, elapsedMs: Math.round(elapsedMs), ...checked })
    return
  }
  if (check !== null && check.problems.length > 0) {
    const talk = (text: string) => (isDataOnStdout ? output.note(text) : output.print(text))
    for (const { kind, file, sequence, detail } of check.problems) {
      talk(`${kind}\t${file}\t${sequence ?? '-'}\t${detail}`)
    }
  }
  const verb = check === null ? 'exported' : 'checked'
  const found =
    check === null ? '' : check.problemCount === 0 ? ': all well' : `: ${formatCount(check.problemCount)} problems`
  const from = `${formatCount(files)} ${files === 1 ? 'file' : 'files'}`
  output.note(
    `${verb} ${formatCount(events)} events (${formatSize(bytes)}) of ${from} in ${formatElapsed(elapsedMs)}${found}`,
  )
}
