import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { Flags } from '@oclif/core'
import { parseDuration } from '../base/duration.ts'
import { EhubError } from '../base/error.ts'
import { DataCommand, type DataFlags, dataFlags } from '../cli/data-command.ts'
import { openLocalHub } from '../cli/local-hub.ts'
import { groupColumns, groupRow, lagJson, partitionColumns, partitionRow, sortedGroups } from '../cli/lag-view.ts'
import { checkStore, type OpenedRemoteLag, openRemoteLag } from '../cli/remote-lag-view.ts'
import type { BlobPlace } from '../client/blob-container.ts'
import type { LagSnapshot } from '../wire/lag/snapshot.ts'

interface SourceFlags extends DataFlags {
  readonly store: string
}

const usualSampleMs = 1000

export default class Top extends DataCommand {
  static override summary = 'Watch hubs, consumer groups and their lag on a live screen.'
  static override description =
    'Without a terminal, or with --once, the plain table is printed instead. Inside, ? shows the keys.'
  static override aliases = ['monitor', 'ui']
  static override examples = [
    '<%= config.bin %> top',
    '<%= config.bin %> top --interval 5s --ascii',
    '<%= config.bin %> top --once --partitions',
    '<%= config.bin %> top --record incident.jsonl',
    '<%= config.bin %> top --play incident.jsonl',
    '<%= config.bin %> top -c @prod.connstr --store blob:@prod.container   # Azure, read-only',
  ]
  static override flags = {
    interval: Flags.string({ summary: 'Time between two samples, 500ms to 1m.', helpValue: 'DUR', default: '1s' }),
    once: Flags.boolean({ summary: 'Print the table once and leave.' }),
    partitions: Flags.boolean({ summary: 'With the plain table: a row for each partition.' }),
    ascii: Flags.boolean({ summary: 'Draw with plain ASCII characters.' }),
    ...dataFlags,
    store: Flags.string({
      summary: 'Where checkpoints are kept: daemon, or a container as blob:URL, blob:NAME or blob:@FILE.',
      default: 'daemon',
      helpValue: 'STORE',
    }),
    'allow-changes': Flags.boolean({
      summary: 'Set checkpoints also in a namespace elsewhere.',
      exclusive: ['read-only'],
    }),
    'read-only': Flags.boolean({ summary: 'Change nothing: no checkpoints, no kicks.' }),
    record: Flags.string({
      summary: 'Write every sample to this file, a line each.',
      helpValue: 'FILE',
      exclusive: ['play'],
    }),
    play: Flags.string({ summary: 'Show a recording again instead of a daemon.', helpValue: 'FILE' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Top)
    const intervalMs = parseDuration(flags.interval)
    if (intervalMs < 500 || intervalMs > 60_000) throw new EhubError('usage', '--interval must be between 500ms and 1m')
    const recording = flags.play === undefined ? null : await this.#recording(flags.play)
    const isPlain = flags.once || flags.json || !canShowScreen()
    if (isPlain) {
      const snapshot = recording === null ? await this.#look(flags) : recording.at(-1)
      if (snapshot === undefined) throw new EhubError('argument-error', 'the recording holds no sample')
      return this.#printPlain(snapshot, flags.partitions, flags.json)
    }
    await this.#show({ ...flags, intervalMs, recording, source: flags })
  }

  async #show(options: {
    readonly intervalMs: number
    readonly ascii: boolean
    readonly source: SourceFlags
    readonly 'read-only': boolean
    readonly 'allow-changes': boolean
    readonly record?: string | undefined
    readonly recording: readonly LagSnapshot[] | null
  }): Promise<void> {
    // Loaded only now: Ink and its layout engine are the slowest things we have.
    const { yogaReady } = await import('../tui/load-yoga.ts')
    await yogaReady()
    const { runTop } = await import('../tui/run-top.tsx')
    const { initialState } = await import('../tui/state.ts')
    const { glyphsFor } = await import('../tui/glyphs.ts')
    const { recordingHead, RecordedSource } = await import('../tui/recording.ts')
    const { record, recording } = options
    if (record !== undefined) writeFileSync(record, `${recordingHead()}\n`)
    const { source, target } =
      recording === null
        ? await this.#source(options.source, options.intervalMs)
        : { source: new RecordedSource(recording), target: { name: 'recording', isLocal: true } }
    const isLocked = recording !== null || (!target.isLocal && !options['allow-changes'])
    const last = await runTop({
      state: initialState({
        target,
        isReadOnly: options['read-only'] || isLocked,
        intervalMs: options.intervalMs,
      }),
      source,
      clock: this.clock,
      glyphs: glyphsFor(process.env, options.ascii),
      hasColour: !this.globals['no-color'] && (process.env.NO_COLOR ?? '') === '',
      stdin: process.stdin,
      stdout: process.stdout,
      saveScreen: async (text) => {
        const path = `ehub-top-${new Date(this.clock.now()).toISOString().replace(/[:.]/g, '-')}.txt`
        writeFileSync(path, text)
        return path
      },
      ...(record === undefined
        ? {}
        : { recorded: ({ snapshot }) => appendFileSync(record, `${JSON.stringify(snapshot)}\n`) }),
    })
    // The alternate screen is gone; this one line stays.
    const groups = last.snapshot === null ? [] : sortedGroups(last.snapshot, 'lag')
    const behind = groups.filter((group) => group.level !== 'OK')
    const worst =
      behind[0] === undefined
        ? 'all well'
        : `${behind.length} not well, ${behind[0].hub}/${behind[0].group} ${behind[0].status}`
    this.output.note(`${groups.length} consumer groups, ${worst}`)
  }

  /** The table without a screen. */
  async #look(flags: SourceFlags): Promise<LagSnapshot> {
    const place = await this.#place(flags)
    if (place === null) return this.control().call('lag', { isFresh: true })
    const { lag } = await this.#openRemote(flags, place, usualSampleMs)
    try {
      return await lag.sample()
    } finally {
      await lag.close()
    }
  }

  async #source(flags: SourceFlags, sampleMs: number) {
    const place = await this.#place(flags)
    if (place !== null) {
      const { RemoteSource } = await import('../tui/remote-source.ts')
      const { lag, store, host } = await this.#openRemote(flags, place, sampleMs)
      const isLocal = this.namespace(undefined, flags).control !== null
      return { source: new RemoteSource({ lag, store, clock: this.clock }), target: { name: host, isLocal } }
    }
    const { DaemonSource } = await import('../tui/daemon-source.ts')
    // Asked every second.
    const control = this.control(undefined, true)
    const { version } = this.config
    const openHub = (hub: string) => openLocalHub({ hub, control, clock: this.clock, random: this.random, version })
    return {
      source: new DaemonSource({ control, clock: this.clock, openHub }),
      target: { name: 'daemon', isLocal: true },
    }
  }

  async #place(flags: SourceFlags): Promise<BlobPlace | null> {
    const place = await this.blobStore(flags.store)
    checkStore(place, flags['connection-string'])
    return place
  }

  #openRemote(flags: SourceFlags, place: BlobPlace, sampleMs: number): Promise<OpenedRemoteLag> {
    return openRemoteLag({
      ...{ target: this.namespace(undefined, flags), place, hub: undefined, groups: [], sampleMs },
      ...{ clock: this.clock, random: this.random, version: this.config.version },
    })
  }

  async #recording(path: string): Promise<readonly LagSnapshot[]> {
    const { parseRecording } = await import('../tui/recording.ts')
    try {
      return parseRecording(readFileSync(path, 'utf8'))
    } catch (error) {
      if (error instanceof EhubError) throw error
      throw new EhubError('file-not-found', `the recording "${path}" cannot be read`, { cause: error })
    }
  }

  async #printPlain(snapshot: LagSnapshot, isByPartition: boolean, isJson: boolean): Promise<void> {
    if (isJson) return this.output.json(snapshot.partitions.map((row) => lagJson(row, snapshot)))
    if (isByPartition) return this.output.table(partitionColumns, snapshot.partitions.map(partitionRow))
    await this.output.table(groupColumns, sortedGroups(snapshot, 'name').map(groupRow))
  }
}

/** A pipe, a dumb terminal and a build server get the table: raw mode and another screen would only break their logs. */
function canShowScreen(): boolean {
  const { TERM = '', CI = '' } = process.env
  return process.stdout.isTTY && process.stdin.isTTY && TERM !== 'dumb' && (CI === '' || CI === 'false')
}
