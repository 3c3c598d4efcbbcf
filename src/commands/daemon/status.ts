import { Flags } from '@oclif/core'
import { EhubError, isEhubError } from '../../base/error.ts'
import { BaseCommand } from '../../cli/base-command.ts'
import { statusPairs } from '../../cli/daemon-view.ts'
import { pollUntil } from '../../cli/poll.ts'
import type { StatusReply } from '../../wire/control/contract.ts'

const waitTimeoutMs = 30_000

export default class DaemonStatus extends BaseCommand {
  static override summary = 'Show the daemon: ports, data, memory; exit code 3 when none runs.'
  static override examples = [
    '<%= config.bin %> daemon status',
    '<%= config.bin %> daemon status --json | jq .ports.amqp',
    '<%= config.bin %> daemon status --wait ready --timeout 10s',
  ]
  static override flags = {
    wait: Flags.option({
      summary: 'Wait until it is ready, 30 s unless --timeout says otherwise.',
      options: ['ready'] as const,
    })(),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(DaemonStatus)
    const status = flags.wait === undefined ? await this.#ask() : await this.#wait(this.timeoutMs ?? waitTimeoutMs)
    if (flags.json) return this.output.json(status)
    this.output.pairs(statusPairs(status, this.clock.now()))
  }

  // Async, so that a daemon that is not to be found rejects.
  async #ask(): Promise<StatusReply> {
    return this.control().call('status', {})
  }

  async #wait(limitMs: number): Promise<StatusReply> {
    let status: StatusReply | null = null
    const isReady = async () => {
      status = await this.#ask().catch((error: unknown) => {
        if (isEhubError(error, 'daemon-not-running') || isEhubError(error, 'connect-failed')) return null
        throw error
      })
      return status !== null
    }
    await pollUntil(this.clock, isReady, limitMs)
    if (status === null) throw new EhubError('timeout', `no daemon was ready within ${limitMs} ms`)
    return status
  }
}
