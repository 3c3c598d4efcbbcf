// `ehub send`: from flags to a run, and from its end to a summary and an exit code.

import type { Clock, Timer } from '../base/clock.ts'
import { parseDuration } from '../base/duration.ts'
import { EhubError } from '../base/error.ts'
import type { Random } from '../base/random.ts'
import type { SenderLink } from '../client/amqp-client.ts'
import type { HubClient } from '../client/hub-client.ts'
import { checkPartitionKey } from '../wire/events/event.ts'
import { unescape } from '../wire/events/event-format.ts'
import { parsePropertyFlag } from '../wire/events/prop-flag.ts'
import { systemOfFlags } from '../wire/events/system-properties.ts'
import { formatCount, parseRate, parseSize } from '../wire/events/units.ts'
import type { HubTarget } from './hub-target.ts'
import type { Interrupts } from './interrupts.ts'
import type { Output } from './output.ts'
import { Progress } from './progress.ts'
import type { InputFormat, SendSource } from './send-input.ts'
import { totalBytesOf } from './send-input.ts'
import { RetryNotice } from './retry-notice.ts'
import { SendPipeline, type SendPipelineOptions } from './send-pipeline.ts'
import { type AckMode, ackLines, RejectList, tellSummary } from './send-report.ts'
import type { EventDefaults } from './send-records.ts'
import { SendRun } from './send-run.ts'
import { StdoutWriter } from './stdout-writer.ts'

export interface SendFlags {
  readonly key?: string | undefined
  readonly partition?: string | undefined
  readonly prop?: readonly string[] | undefined
  readonly sys?: readonly string[] | undefined
  readonly input?: InputFormat | undefined
  readonly delimiter?: string | undefined
  readonly 'key-delimiter'?: string | undefined
  readonly file?: readonly string[] | undefined
  readonly tombstone: boolean
  readonly batch?: string | undefined
  readonly linger: string
  readonly rate?: string | undefined
  readonly count?: number | undefined
  readonly repeat: number
  readonly ack: AckMode
  readonly json: boolean
  readonly 'skip-errors': boolean
  readonly tee: boolean
  readonly 'no-progress': boolean
  readonly 'dry-run': boolean
}

export interface SendCommandOptions {
  readonly flags: SendFlags
  readonly hub: string | undefined
  readonly bodies: readonly string[]
  readonly clock: Clock
  readonly random: Random
  readonly output: Output
  readonly interrupts: Interrupts
  readonly retryDeadlineMs: number
  readonly target: (hub: string | undefined) => HubTarget
  readonly connect: (target: HubTarget) => Promise<HubClient>
}

// Half the service's limit: large enough for throughput, small enough that several are on their way at once.
const batchBytesDefault = 512 * 1024
const patienceMs = 1000
const teePendingBytesMax = 1024 * 1024

/** @throws EhubError; sets the process's exit code when it was interrupted. */
export async function sendCommand(options: SendCommandOptions): Promise<void> {
  const { flags, clock, output, interrupts } = options
  checkFlags(options)
  const sources = sourcesOf(options)
  const totalBytes = totalBytesOf(sources)
  const defaults = defaultsOf(flags)
  const batch = batchLimits(flags.batch)
  const target = flags['dry-run'] ? null : options.target(options.hub)
  const client = target === null ? null : await options.connect(target)
  const stdout = new StdoutWriter(process.stdout)
  const rejects = new RejectList(output)
  const notice = new RetryNotice(clock, output)
  const patience = new Patience(clock, output)
  const startedAt = clock.monotonicMs()
  const run = new SendRun({
    clock,
    sources,
    defaults,
    delimiter: Buffer.from(unescape(flags.delimiter ?? '\n')),
    keyDelimiter: flags['key-delimiter'] === undefined ? null : Buffer.from(unescape(flags['key-delimiter'])),
    countMax: flags.count ?? null,
    repeat: flags.repeat,
    rate: flags.rate === undefined ? null : parseRate(flags.rate),
    skipsErrors: flags['skip-errors'],
    tee: flags.tee ? (chunk) => copyTo(stdout, chunk) : null,
    signal: interrupts.signal,
    onRejected: (place, error) => rejects.add(place, error.message),
  })
  const progress = new Progress({
    clock,
    output,
    verb: 'sent',
    isOff: flags['no-progress'] || flags.ack === 'none',
    state: () => ({ ...run.account, done: run.account.readBytes, total: totalBytes }),
  })
  try {
    const needsPartitions = client !== null && (flags.input === 'jsonl' || flags['key-delimiter'] !== undefined)
    const pipelineOptions: SendPipelineOptions = {
      clock,
      random: options.random,
      openSender: client === null ? openNowhere : (partition) => client.openSender(partition),
      partition: flags.partition ?? null,
      key: flags.key ?? null,
      partitionIds: needsPartitions ? await interrupts.during(client.partitionIds()) : null,
      limits: batch,
      lingerMs: parseDuration(flags.linger),
      deadlineMs: options.retryDeadlineMs,
      keepsNumbers: flags.ack === 'each',
      onAccepted: (accepted) => {
        run.accepted(accepted)
        if (flags.ack === 'each') stdout.write(ackLines(accepted, flags.json))
      },
      onRefused: (refused, error) => run.refused(refused, error),
      onRetry: (error) => notice.tell(error),
    }
    const pipeline = await interrupts.during(SendPipeline.open(pipelineOptions))
    if (sources.some(({ kind }) => kind === 'stdin') && process.stdin.isTTY) {
      output.note('reading events from the terminal, one a line; Ctrl-D ends')
    }
    interrupts.signal.addEventListener('abort', () => patience.start(), { once: true })
    await run.run(pipeline)
    pipeline.close()
    await stdout.drained()
  } finally {
    progress.stop()
    patience.stop()
    stdout.dispose()
    await client?.close()
  }
  const { account } = run
  if (flags.ack === 'summary') {
    const hub = target?.hub ?? options.hub ?? ''
    const elapsedMs = clock.monotonicMs() - startedAt
    tellSummary({ output, account, hub, elapsedMs, isJson: flags.json, isDryRun: flags['dry-run'] })
  }
  if (interrupts.first !== null) process.exitCode = interrupts.exitCode
  else if (account.rejected > 0) {
    const left = account.rejected === 1 ? '1 event was' : `${formatCount(account.rejected)} events were`
    throw new EhubError('partial', `${left} left out, ${formatCount(account.events)} sent`)
  }
}

function checkFlags({ flags, bodies }: SendCommandOptions): void {
  const wrong = (message: string, hint?: string) => {
    throw new EhubError('usage', message, hint === undefined ? {} : { hint })
  }
  const files = flags.file ?? []
  if (flags.partition !== undefined) {
    if (!/^\d+$/.test(flags.partition)) wrong(`"${flags.partition}" is no partition`, 'partitions are 0, 1, 2, …')
    if (flags.key !== undefined || flags['key-delimiter'] !== undefined) {
      wrong('a key and a partition together: the key chooses the partition', 'leave out --partition or the key')
    }
  }
  if (flags.key !== undefined) checkPartitionKey(flags.key)
  if (flags.tombstone) {
    if (flags.key === undefined) wrong('--tombstone needs --key: it marks that key as deleted')
    if (bodies.length > 0 || files.length > 0 || flags.input !== undefined) wrong('--tombstone takes no body')
  }
  if (bodies.length > 0 && files.length > 0)
    wrong('events as arguments and --file together', 'send them one after the other')
  if (bodies.length > 0 && flags.input !== undefined && flags.input !== 'raw') {
    wrong(`--input ${flags.input} is for stdin and --file; arguments are events as they are`)
  }
  if (flags.delimiter !== undefined) {
    if (flags.delimiter === '') wrong('--delimiter is empty')
    if (flags.input !== undefined && flags.input !== 'lines')
      wrong(`--delimiter does not go with --input ${flags.input}`)
  }
  if (flags['key-delimiter'] === '') wrong('--key-delimiter is empty')
  if (flags['key-delimiter'] !== undefined && flags.input === 'jsonl')
    wrong('--key-delimiter does not go with --input jsonl')
  if (flags.tee && flags.ack === 'each') wrong('--tee and --ack each both write to stdout')
  if (files.filter((file) => file === '-').length > 1) wrong('stdin is named twice')
}

function sourcesOf({ flags, bodies }: SendCommandOptions): readonly SendSource[] {
  if (flags.tombstone) return [{ kind: 'text', text: '' }]
  if (bodies.length > 0) return bodies.map((text) => ({ kind: 'text', text }))
  const lines = flags.delimiter === undefined ? null : 'lines'
  if (flags.file === undefined) return [{ kind: 'stdin', format: flags.input ?? 'lines' }]
  const format = flags.input ?? lines ?? 'raw'
  return flags.file.map((path) => (path === '-' ? { kind: 'stdin', format } : { kind: 'file', path, format }))
}

function defaultsOf(flags: SendFlags): EventDefaults {
  return {
    key: flags.key ?? null,
    applicationProperties: (flags.prop ?? []).map((flag) => {
      const [name, value] = parsePropertyFlag(flag)
      return [{ type: 'string', value: name }, value] as const
    }),
    properties: systemOfFlags(flags.sys ?? []),
  }
}

function batchLimits(batch: string | undefined): { readonly batchBytes: number; readonly batchCount: number } {
  if (batch === undefined) return { batchBytes: batchBytesDefault, batchCount: Number.MAX_SAFE_INTEGER }
  const number = parseSize(batch)
  if (number < 1) throw new EhubError('usage', `a batch of ${batch} is none`)
  return /^\d+$/.test(batch)
    ? { batchBytes: batchBytesDefault, batchCount: number }
    : { batchBytes: number, batchCount: Number.MAX_SAFE_INTEGER }
}

async function copyTo(stdout: StdoutWriter, chunk: Buffer): Promise<void> {
  stdout.write(chunk)
  await stdout.drained(teePendingBytesMax)
}

/** After Ctrl-C, when what was read takes its time to be acknowledged. */
class Patience {
  readonly #clock: Clock
  readonly #output: Output
  #timer: Timer | null = null

  constructor(clock: Clock, output: Output) {
    this.#clock = clock
    this.#output = output
  }

  start(): void {
    this.#timer = this.#clock.schedule(patienceMs, () => {
      this.#output.note('sending what was read; Ctrl-C again ends at once')
    })
  }

  stop(): void {
    this.#timer?.cancel()
  }
}

/** For `--dry-run`: takes everything. */
async function openNowhere(): Promise<SenderLink> {
  return {
    messageBytesMax: 1_048_576,
    send: (_message, _format, onSettled) => queueMicrotask(() => onSettled(null)),
    onDetached: () => undefined,
    close: () => undefined,
  }
}
