import { Flags } from '@oclif/core'
import { parseDuration } from '../../base/duration.ts'
import { BaseCommand } from '../../cli/base-command.ts'
import { stopDaemon } from '../../cli/stop-daemon.ts'
import { findDaemon } from '../../client/discovery.ts'

export default class DaemonStop extends BaseCommand {
  static override summary = 'Stop the daemon; returns when it is gone.'
  static override examples = ['<%= config.bin %> daemon stop', '<%= config.bin %> daemon stop --grace 30s']
  static override flags = {
    grace: Flags.string({ summary: 'How long to wait for what is in flight.', default: '5s', helpValue: 'DUR' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(DaemonStop)
    const graceMs = parseDuration(flags.grace)
    const { env } = process
    const daemon = findDaemon({ env, dataFolder: flags['data-dir'] ?? null })
    await stopDaemon({ daemon, control: this.control(), env, clock: this.clock, graceMs, limitMs: this.timeoutMs })
    if (flags.json) return this.output.json({ pid: daemon.pid })
    this.output.note(`the daemon (pid ${daemon.pid}) is stopped`)
  }
}
