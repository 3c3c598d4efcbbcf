import { Flags } from '@oclif/core'
import { parseDuration } from '../../base/duration.ts'
import { EhubError } from '../../base/error.ts'
import { thisMachine } from '../../base/machine.ts'
import { BaseCommand } from '../../cli/base-command.ts'
import { FileFollower } from '../../cli/follow-file.ts'
import { formatLogLine, isAtLeast, newestLog, parseLogLine } from '../../cli/log-view.ts'
import { canonicalFolder, lookForDaemon } from '../../client/discovery.ts'
import { daemonKey, logPath, stateFolder } from '../../wire/control/places.ts'

export default class DaemonLogs extends BaseCommand {
  static override summary = 'Show the log of the background daemon, also when it no longer runs.'
  static override examples = [
    '<%= config.bin %> daemon logs',
    '<%= config.bin %> daemon logs --follow --level warn',
    '<%= config.bin %> daemon logs --since 10m --json',
  ]
  static override flags = {
    follow: Flags.boolean({ summary: 'Go on with what is added, until Ctrl-C.' }),
    level: Flags.option({
      summary: 'Least level shown.',
      options: ['debug', 'info', 'warn', 'error'] as const,
      default: 'debug',
    })(),
    since: Flags.string({ summary: 'Only lines of this last span of time.', helpValue: 'DUR' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(DaemonLogs)
    const sinceMs = flags.since === undefined ? 0 : this.clock.now() - parseDuration(flags.since)
    const follower = new FileFollower(await this.#path(flags['data-dir'] ?? null))
    const show = () => {
      for (const text of follower.lines()) {
        const line = parseLogLine(text)
        if (line === null || line.timeMs < sinceMs || !isAtLeast(line.level, flags.level)) continue
        this.output.print(flags.json ? text : formatLogLine(line, this.output, 'stdout'))
      }
    }
    show()
    if (flags.follow) {
      const interrupted = new AbortController()
      process.once('SIGINT', () => interrupted.abort())
      process.once('SIGTERM', () => interrupted.abort())
      await follower.watch(interrupted.signal, show)
    }
    follower.close()
  }

  async #path(dataFolder: string | null): Promise<string> {
    if (lookForDaemon({ env: process.env, dataFolder }) === null) {
      const folder = stateFolder(thisMachine(process.env))
      if (dataFolder !== null) return logPath(folder, daemonKey(canonicalFolder(dataFolder)))
      const newest = newestLog(folder)
      if (newest !== null) return newest
      throw new EhubError('file-not-found', 'no daemon ever ran in the background here')
    }
    const { logFile, pid } = await this.control().call('status', {})
    if (logFile !== null) return logFile
    throw new EhubError(
      'file-not-found',
      `the daemon (pid ${pid}) runs in the foreground: its log goes to its terminal`,
    )
  }
}
