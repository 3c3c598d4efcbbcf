import { Flags } from '@oclif/core'
import { EhubError } from '../../base/error.ts'
import { thisMachine } from '../../base/machine.ts'
import { BaseCommand } from '../../cli/base-command.ts'
import { daemonFlags } from '../../cli/daemon-flags.ts'
import { portPairs } from '../../cli/daemon-view.ts'
import { spawnDaemon, startTimeoutMs } from '../../cli/spawn-daemon.ts'
import { canonicalFolder, lookForDaemon } from '../../client/discovery.ts'
import { crashLogPath, daemonKey, defaultDataFolder, ephemeralKeyText, stateFolder } from '../../wire/control/places.ts'

export default class DaemonStart extends BaseCommand {
  static override summary = 'Start the daemon; returns when it is ready.'
  static override examples = [
    '<%= config.bin %> daemon start',
    '<%= config.bin %> daemon start --ephemeral --amqp-port 0 --hub orders:8',
    '<%= config.bin %> daemon start --data-dir ./data --durability os',
  ]
  static override flags = {
    ...daemonFlags,
    foreground: Flags.boolean({ summary: 'Stay in this terminal and log to it, as "daemon run" does.' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(DaemonStart)
    const argv = this.argv.filter((word) => word !== '--foreground')
    if (flags.foreground) return void (await this.config.runCommand('daemon:run', argv))
    const machine = thisMachine(process.env)
    const dataFolder = canonicalFolder(flags['data-dir'] ?? defaultDataFolder(machine))
    const running = flags.ephemeral ? null : lookForDaemon({ env: process.env, dataFolder })
    if (running !== null) {
      throw new EhubError('daemon-running', `a daemon (pid ${running.pid}) already runs on "${dataFolder}"`, {
        hint: 'See "ehub daemon status"; end it with "ehub daemon stop".',
      })
    }
    const status = await spawnDaemon({
      argv,
      folder: process.cwd(),
      crashLog: crashLogPath(stateFolder(machine), daemonKey(flags.ephemeral ? ephemeralKeyText : dataFolder)),
      clock: this.clock,
      timeoutMs: this.timeoutMs ?? startTimeoutMs,
    })
    for (const warning of status.warnings) this.output.warn(warning)
    if (flags.json) return this.output.json(status)
    this.output.note(`the daemon is ready (pid ${status.pid})`)
    for (const [name, address] of portPairs(status)) {
      if (address !== null) this.output.note(`  ${name.padEnd(6)} ${String(address)}`)
    }
    if (status.hubs === 0) this.output.suggest('Next: ehub create-hub orders')
  }
}
