// What the commands that move events share: the flags that name the namespace, the way there, what ends them.

import { Flags } from '@oclif/core'
import { type Hold, keepProcess } from '../base/keep-process.ts'
import { SystemRandom } from '../base/random.ts'
import type { AmqpTransport } from '../client/amqp-endpoint.ts'
import type { BlobPlace } from '../client/blob-container.ts'
import { BaseCommand } from './base-command.ts'
import { connectionFlags } from './flags.ts'
import {
  type HubTarget,
  type NamespaceTarget,
  resolveHubTarget,
  resolveNamespaceTarget,
  type TargetRequest,
} from './hub-target.ts'
import { Interrupts } from './interrupts.ts'

const connectTimeoutMs = 10_000
const operationTimeoutMs = 60_000

export const dataFlags = {
  ...connectionFlags,
  transport: Flags.option({
    summary: 'AMQP over TCP, or over WebSockets (port 443), which passes most firewalls.',
    options: ['amqp', 'ws'] as const,
    default: 'amqp',
  })(),
  'ca-file': Flags.string({
    summary: 'Certificate authority to trust beside the usual ones, PEM.',
    helpValue: 'FILE',
  }),
}

export interface DataFlags {
  readonly 'connection-string'?: string | undefined
  readonly transport: AmqpTransport
  readonly 'ca-file'?: string | undefined
}

export abstract class DataCommand extends BaseCommand {
  protected readonly random = new SystemRandom()
  #hold: Hold | null = null
  #interrupts: Interrupts | null = null

  /** @throws EhubError `usage`, `argument-error`, `daemon-not-running`. */
  protected target(hub: string | undefined, flags: DataFlags): HubTarget {
    return resolveHubTarget(this.#request(hub, flags))
  }

  #request(hub: string | undefined, flags: DataFlags): TargetRequest {
    return {
      hub,
      connectionString: flags['connection-string'],
      isLocalAsked: this.argv.some((word) => word === '--data-dir' || word.startsWith('--data-dir=')),
      caFile: flags['ca-file'],
      transport: flags.transport,
      env: process.env,
      findControl: () => this.control(),
      warn: (text) => this.output.warn(text),
    }
  }

  /** Where a hub need not be named. @throws EhubError `usage`, `argument-error`, `daemon-not-running`. */
  protected namespace(hub: string | undefined, flags: DataFlags): NamespaceTarget {
    return resolveNamespaceTarget(this.#request(hub, flags))
  }

  /** Reads `--store`; null: the daemon's own. @throws EhubError `usage`, `argument-error`, `file-not-found`. */
  protected async blobStore(text: string): Promise<BlobPlace | null> {
    const { parseBlobStore } = await import('./blob-store-flag.ts')
    return parseBlobStore({
      text,
      accountString: process.env.AZURE_STORAGE_CONNECTION_STRING,
      findOwnAccount: async () => {
        const { blobConnectionString } = await import('./connection-string-view.ts')
        const control = this.control()
        const [status, account] = await Promise.all([control.call('status', {}), control.call('storageAccount', {})])
        return blobConnectionString(status, account)
      },
      warn: (line) => this.output.warn(line),
    })
  }

  /** A client of the target's hub; loads what it needs only now. */
  protected async hubClient(target: HubTarget, timeoutMs: number | null = this.timeoutMs) {
    const { HubClient } = await import('../client/hub-client.ts')
    return new HubClient({
      clock: this.clock,
      random: this.random,
      hub: target.hub,
      findEndpoint: target.findEndpoint,
      version: this.config.version,
      connectTimeoutMs: Math.min(connectTimeoutMs, timeoutMs ?? connectTimeoutMs),
      operationTimeoutMs: timeoutMs ?? operationTimeoutMs,
      trace: (line) => this.output.detail(line),
    })
  }

  /** From the first failure after a success to giving up, unless `--timeout` says otherwise. */
  protected readonly retryDeadlineMs = operationTimeoutMs

  /** Signals are ours from now on; the process stays until `finished`. */
  protected begin(): Interrupts {
    this.#hold = keepProcess()
    this.#interrupts = new Interrupts()
    return this.#interrupts
  }

  protected override async finally(error: Error | undefined): Promise<void> {
    this.#hold?.release()
    this.#interrupts?.dispose()
    await super.finally(error)
  }
}
