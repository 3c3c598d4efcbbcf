import { isEhubError } from '../base/error.ts'
import { keepProcess } from '../base/keep-process.ts'
import { BaseCommand } from '../cli/base-command.ts'
import type { FindingReply, StatusReply } from '../wire/control/contract.ts'
import { projectError } from '../wire/errors.ts'

const probeTimeoutMs = 5000

const notRunning: FindingReply = {
  check: 'daemon',
  level: 'error',
  detail: 'no daemon is running',
  fix: 'ehub daemon start; ehub inspect DIR looks into a data folder without one',
}

export default class Doctor extends BaseCommand {
  static override summary = 'Look for what is wrong: damage, ports, TLS, clock, disk, reader slots, checkpoints.'
  static override description = 'Exit code 12 when something is broken, 10 for warnings only, 3 when no daemon runs.'
  static override examples = [
    '<%= config.bin %> doctor',
    '<%= config.bin %> doctor --json | jq \'.[] | select(.level != "ok")\'',
  ]

  async run(): Promise<void> {
    const { flags } = await this.parse(Doctor)
    const findings = await this.#findings()
    if (flags.json) this.output.json(findings)
    else {
      await this.output.table(
        [{ title: 'CHECK' }, { title: 'STATE' }, { title: 'WHAT' }, { title: 'FIX' }],
        findings.map(({ check, level, detail, fix }) => [check, level, detail, fix]),
      )
    }
    process.exitCode = exitCodeOf(findings)
  }

  /** From outside, as an SDK comes: the daemon itself cannot tell whether its certificate is believed. */
  async #https({ bind, ports, caFile }: StatusReply): Promise<readonly FindingReply[]> {
    if (ports.https === null || caFile === null) return []
    const { probeHttps } = await import('../client/https-probe.ts')
    const hold = keepProcess()
    const host = hostOf(bind)
    const reason = await probeHttps({ host, port: ports.https, caFile, timeoutMs: this.timeoutMs ?? probeTimeoutMs })
    hold.release()
    const address = `${host}:${ports.https}`
    if (reason === null)
      return [{ check: 'https', level: 'ok', detail: `${address} answers, its certificate holds`, fix: null }]
    const fix = `trust ${caFile} (NODE_EXTRA_CA_CERTS), or: ehub daemon restart`
    return [{ check: 'https', level: 'error', detail: `${address} cannot be used: ${reason}`, fix }]
  }

  async #findings(): Promise<readonly FindingReply[]> {
    try {
      const control = this.control()
      const status = await control.call('status', {})
      const { findings } = await control.call('diagnose', {})
      const daemon = `pid ${status.pid}, version ${status.version}`
      return [{ check: 'daemon', level: 'ok', detail: daemon, fix: null }, ...(await this.#https(status)), ...findings]
    } catch (error) {
      if (isEhubError(error, 'daemon-not-running')) return [notRunning]
      throw error
    }
  }
}

function hostOf(bind: string): string {
  if (bind === '0.0.0.0') return '127.0.0.1'
  return bind === '::' ? '::1' : bind
}

function exitCodeOf(findings: readonly FindingReply[]): number {
  if (findings.includes(notRunning)) return projectError('daemon-not-running').exit
  if (findings.some(({ level }) => level === 'error')) return projectError('integrity').exit
  return findings.some(({ level }) => level === 'warning') ? 10 : 0
}
