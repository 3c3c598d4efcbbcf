import { Args, Flags } from '@oclif/core'
import { delay } from '../base/clock.ts'
import { parseDuration } from '../base/duration.ts'
import { EhubError } from '../base/error.ts'
import { keepProcess } from '../base/keep-process.ts'
import { DataCommand, type DataFlags, dataFlags } from '../cli/data-command.ts'
import { checkExitCodes, checkLag, parseAgeMs, parseEventCount, parseThresholds } from '../cli/lag-check.ts'
import {
  groupColumns,
  groupRow,
  lagJson,
  lagSorts,
  partitionColumns,
  partitionRow,
  selectLag,
  sortedGroups,
} from '../cli/lag-view.ts'
import { checkStore, openRemoteLag } from '../cli/remote-lag-view.ts'
import type { LagSnapshot } from '../wire/lag/snapshot.ts'

/** Where lag is looked at once there is a connection or none is needed. */
interface LagSource {
  sample(): Promise<LagSnapshot>
  close(): Promise<void>
}

interface SourceFlags extends DataFlags {
  readonly store: string
  readonly group?: readonly string[] | undefined
  readonly history?: string | undefined
}

const usualSampleMs = 1000

export default class Lag extends DataCommand {
  static override summary = 'Show how far consumer groups are behind.'
  static override examples = [
    '<%= config.bin %> lag',
    '<%= config.bin %> lag orders -g billing',
    '<%= config.bin %> lag --json | jq ".[] | select(.lag > 0)"',
    '<%= config.bin %> lag --check warn=1000,crit=10000 --age-check warn=1m,crit=5m',
    '<%= config.bin %> lag orders -g billing --history 1h',
    '<%= config.bin %> lag -c @prod.connstr orders --store blob:@prod.container   # Azure',
  ]
  static override args = {
    hub: Args.string({ ignoreStdin: true, description: 'Only this hub, a row for each partition.' }),
  }
  static override flags = {
    ...dataFlags,
    store: Flags.string({
      summary: 'Where checkpoints are kept: daemon, or a container as blob:URL, blob:NAME or blob:@FILE.',
      default: 'daemon',
      helpValue: 'STORE',
    }),
    group: Flags.string({
      char: 'g',
      summary: 'Only this consumer group; may be repeated.',
      multiple: true,
      helpValue: 'GROUP',
    }),
    'only-with-lag': Flags.boolean({ summary: 'Only what is behind.' }),
    sort: Flags.option({
      summary: 'Order of the rows; lag and age: greatest first.',
      options: lagSorts,
      default: 'name' as const,
    })(),
    watch: Flags.string({
      summary: 'Again and again at this interval; with --json one document a line.',
      helpValue: 'DUR',
    }),
    check: Flags.string({
      summary: 'Exit with 10 or 11 when a lag reaches a threshold.',
      helpValue: 'warn=N,crit=N',
      exclusive: ['watch'],
    }),
    'age-check': Flags.string({
      summary: 'The same for the age of the oldest unhandled event.',
      helpValue: 'warn=DUR,crit=DUR',
      exclusive: ['watch'],
    }),
    history: Flags.string({
      summary: 'What the lag was over this time, a row where it changed.',
      helpValue: 'DUR',
      exclusive: ['watch', 'check', 'age-check'],
    }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Lag)
    const lagLimits = flags.check === undefined ? null : parseThresholds(flags.check, '--check', parseEventCount)
    const ageLimits =
      flags['age-check'] === undefined ? null : parseThresholds(flags['age-check'], '--age-check', parseAgeMs)
    const historyMs = flags.history === undefined ? null : parseDuration(flags.history)
    const watchMs = flags.watch === undefined ? null : parseDuration(flags.watch)
    const source = await this.#source(args.hub, flags, watchMs ?? usualSampleMs)
    const look = async () => {
      const snapshot = await source.sample()
      return selectLag(snapshot, { groups: flags.group ?? [], isOnlyWithLag: flags['only-with-lag'], sort: flags.sort })
    }
    const print = (snapshot: LagSnapshot) => this.#print(snapshot, args.hub !== undefined, flags.json, flags.sort)
    if (watchMs !== null) {
      // Until it is interrupted or nobody reads: this wait is all the process does.
      keepProcess()
      process.once('SIGINT', () => process.exit(0))
      for (;;) {
        await print(await look())
        await delay(this.clock, watchMs)
        if (!flags.json) this.output.print('')
      }
    }
    const snapshot = await this.#lookOnce(look, source)
    if (historyMs !== null) return this.#printHistory(snapshot, historyMs, flags.json)
    await print(snapshot)
    process.exitCode = checkExitCodes[checkLag(snapshot.partitions, lagLimits, ageLimits)]
  }

  async #lookOnce(look: () => Promise<LagSnapshot>, source: LagSource): Promise<LagSnapshot> {
    try {
      return await look()
    } finally {
      await source.close()
    }
  }

  async #source(hub: string | undefined, flags: SourceFlags, sampleMs: number): Promise<LagSource> {
    const place = await this.blobStore(flags.store)
    checkStore(place, flags['connection-string'])
    if (place === null) {
      const control = this.control()
      const request = { isFresh: true, ...(hub === undefined ? {} : { hub }) }
      return { sample: () => control.call('lag', request), close: async () => undefined }
    }
    if (flags.history !== undefined) throw new EhubError('usage', '--history is of the store the daemon looks at')
    const { lag } = await openRemoteLag({
      ...{ target: this.namespace(hub, flags), place, hub, groups: flags.group ?? [], sampleMs },
      ...{ clock: this.clock, random: this.random, version: this.config.version },
    })
    return lag
  }

  async #print(
    snapshot: LagSnapshot,
    isByPartition: boolean,
    isJson: boolean,
    sort: (typeof lagSorts)[number],
  ): Promise<void> {
    if (isJson) return this.output.json(snapshot.partitions.map((row) => lagJson(row, snapshot)))
    if (isByPartition) return this.output.table(partitionColumns, snapshot.partitions.map(partitionRow))
    await this.output.table(groupColumns, sortedGroups(snapshot, sort).map(groupRow))
  }

  async #printHistory(snapshot: LagSnapshot, spanMs: number, isJson: boolean): Promise<void> {
    const control = this.control()
    const fromMs = snapshot.atMs - spanMs
    const rows: (readonly [string, string, string, number, number])[] = []
    for (const { hub, group, partition } of snapshot.partitions) {
      const { samples } = await control.call('lagHistory', { hub, group, partition, fromMs })
      rows.push(...samples.map(({ atMs, lag }) => [new Date(atMs).toISOString(), hub, group, partition, lag] as const))
    }
    if (isJson) {
      return this.output.json(rows.map(([ts, hub, group, partition, lag]) => ({ ts, hub, group, partition, lag })))
    }
    const titles = ['TIME', 'HUB', 'GROUP', 'P', 'LAG']
    await this.output.table(
      titles.map((title) => ({ title })),
      rows,
    )
  }
}
