import { Flags } from '@oclif/core'
import { selfCommand } from '../../base/machine.ts'
import { BaseCommand } from '../../cli/base-command.ts'
import { daemonFlags } from '../../cli/daemon-flags.ts'
import { formatLogLine, parseLogLine } from '../../cli/log-view.ts'

export default class DaemonRun extends BaseCommand {
  static override summary = 'Run the daemon in this terminal, logging to stderr; Ctrl-C ends it.'
  static override examples = [
    '<%= config.bin %> daemon run',
    '<%= config.bin %> daemon run --ephemeral --hub orders:8 --log-level debug',
  ]
  static override flags = {
    ...daemonFlags,
    background: Flags.boolean({
      hidden: true,
      summary: 'Started by "daemon start": log to the file, report over IPC.',
    }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(DaemonRun)
    const { runDaemon } = await import('../../daemon/run.ts')
    // A person reads words, a program JSON lines.
    const isPretty = this.output.isTalkTerminal && !flags.json
    const write = (line: string) => {
      const parsed = isPretty ? parseLogLine(line) : null
      process.stderr.write(parsed === null ? line : `${formatLogLine(parsed, this.output, 'stderr')}\n`)
    }
    process.exitCode = await runDaemon({
      settings: flags,
      argv: this.argv.filter((word) => word !== '--background'),
      self: selfCommand(),
      version: this.config.version,
      foreground: flags.background ? null : { write },
    })
  }
}
