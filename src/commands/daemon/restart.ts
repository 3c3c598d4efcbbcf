import { Flags } from '@oclif/core'
import { parseDuration } from '../../base/duration.ts'
import { EhubError } from '../../base/error.ts'
import { thisMachine } from '../../base/machine.ts'
import { BaseCommand } from '../../cli/base-command.ts'
import { spawnDaemon, startTimeoutMs } from '../../cli/spawn-daemon.ts'
import { stopDaemon } from '../../cli/stop-daemon.ts'
import { findDaemon } from '../../client/discovery.ts'
import { crashLogPath, daemonKey, ephemeralKeyText, stateFolder } from '../../wire/control/places.ts'

export default class DaemonRestart extends BaseCommand {
  static override summary = 'Stop the daemon and start it again as it was started.'
  static override examples = ['<%= config.bin %> daemon restart']
  static override flags = {
    grace: Flags.string({ summary: 'How long to wait for what is in flight.', default: '5s', helpValue: 'DUR' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(DaemonRestart)
    const graceMs = parseDuration(flags.grace)
    const { env } = process
    const daemon = findDaemon({ env, dataFolder: flags['data-dir'] ?? null })
    const control = this.control()
    if ((await control.call('status', {})).logFile === null) {
      throw new EhubError('not-allowed', `the daemon (pid ${daemon.pid}) runs in the foreground`, {
        hint: 'End it in its terminal and start it there.',
      })
    }
    await stopDaemon({ daemon, control, env, clock: this.clock, graceMs, limitMs: this.timeoutMs })
    const status = await spawnDaemon({
      argv: daemon.argv,
      folder: daemon.startedIn,
      crashLog: crashLogPath(stateFolder(thisMachine(env)), daemonKey(daemon.dataFolder ?? ephemeralKeyText)),
      clock: this.clock,
      timeoutMs: this.timeoutMs ?? startTimeoutMs,
    })
    if (flags.json) return this.output.json(status)
    this.output.note(`the daemon is ready (pid ${status.pid}, before ${daemon.pid})`)
  }
}
