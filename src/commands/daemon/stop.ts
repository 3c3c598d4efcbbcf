import { Flags } from '@oclif/core'
import { parseDuration } from '../../base/duration.ts'
import { EhubError } from '../../base/error.ts'
import { isProcessAlive } from '../../base/machine.ts'
import { BaseCommand } from '../../cli/base-command.ts'
import { pollUntil } from '../../cli/poll.ts'
import { findDaemon, lookForDaemon } from '../../client/discovery.ts'

/** A daemon is gone this long after its grace, whatever happens. */
const endingMsMax = 15_000
// It has given everything back by then; only the system's book-keeping of the process is left.
const leftoverMsMax = 1000

export default class DaemonStop extends BaseCommand {
  static override summary = 'Stop the daemon; returns when it is gone.'
  static override examples = ['<%= config.bin %> daemon stop', '<%= config.bin %> daemon stop --grace 30s']
  static override flags = {
    grace: Flags.string({
      summary: 'How long to wait for what is in flight.',
      default: '5s',
      helpValue: 'DUR',
    }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(DaemonStop)
    const graceMs = parseDuration(flags.grace)
    const query = { env: process.env, dataFolder: flags['data-dir'] ?? null }
    const { pid, dataFolder } = findDaemon(query)
    await this.control().call('shutdown', { graceMs })
    const isListed = () => lookForDaemon({ ...query, dataFolder: query.dataFolder ?? dataFolder })?.pid === pid
    const limitMs = this.timeoutMs ?? graceMs + endingMsMax
    const isGone = await pollUntil(this.clock, () => !isProcessAlive(pid) || !isListed(), limitMs)
    if (!isGone) {
      throw new EhubError('timeout', `the daemon (pid ${pid}) was not gone within ${limitMs} ms`, {
        hint: `End it with: kill -9 ${pid} (nothing acknowledged is lost)`,
      })
    }
    await pollUntil(this.clock, () => !isProcessAlive(pid), leftoverMsMax)
    if (flags.json) return this.output.json({ pid })
    this.output.note(`the daemon (pid ${pid}) is stopped`)
  }
}
