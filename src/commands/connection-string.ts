import { Args, Flags } from '@oclif/core'
import { EhubError } from '../base/error.ts'
import { BaseCommand } from '../cli/base-command.ts'
import { audiences, blobConnectionString, connectionStringFor } from '../cli/connection-string-view.ts'

export default class ConnectionStringCommand extends BaseCommand {
  static override summary = 'Print a connection string of the local daemon.'
  static override examples = [
    '<%= config.bin %> connection-string',
    '<%= config.bin %> connection-string orders --for docker',
    '<%= config.bin %> connection-string --for blob',
    'eval "$(<%= config.bin %> connection-string orders --env)"',
  ]
  static override args = { hub: Args.string({ ignoreStdin: true, description: 'Hub to name in it as EntityPath.' }) }
  static override flags = {
    for: Flags.option({
      summary:
        'Where the client runs: on this machine, in a container, elsewhere on the network; blob: its checkpoint store.',
      options: audiences,
      default: 'host',
    })(),
    rule: Flags.string({
      summary: 'Authorization rule whose primary key is used.',
      default: 'RootManageSharedAccessKey',
      helpValue: 'NAME',
    }),
    tls: Flags.boolean({ summary: 'For AMQP over TLS; the client has to trust the local authority.' }),
    env: Flags.boolean({ summary: 'Print lines for a shell to evaluate.' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ConnectionStringCommand)
    const control = this.control()
    if (flags.for === 'blob') return this.#blob(flags, args.hub)
    const [status, { rules }] = await Promise.all([control.call('status', {}), control.call('listRules', {})])
    const hub = args.hub === undefined ? null : (await control.call('describeHub', { hub: args.hub })).name
    const { text, warning } = connectionStringFor({
      status,
      rules,
      ruleName: flags.rule,
      hub,
      audience: flags.for,
      isTls: flags.tls,
    })
    if (warning !== null) this.output.warn(warning)
    if (flags.tls && status.caFile !== null) this.output.suggest(`Trust it with: NODE_EXTRA_CA_CERTS=${status.caFile}`)
    if (flags.json) return this.output.json({ connectionString: text, caFile: flags.tls ? status.caFile : null })
    if (!flags.env) return this.output.print(text)
    for (const name of ['EHUB_CONNECTION_STRING', 'EVENTHUB_CONNECTION_STRING']) {
      this.output.print(`export ${name}='${text}'`)
    }
  }

  async #blob(flags: { readonly json?: boolean; readonly env: boolean; readonly tls: boolean }, hub?: string) {
    if (hub !== undefined || flags.tls) {
      throw new EhubError('usage', '--for blob takes neither a hub nor --tls: the account is one, over HTTP')
    }
    const control = this.control()
    const [status, account] = await Promise.all([control.call('status', {}), control.call('storageAccount', {})])
    const text = blobConnectionString(status, account)
    if (flags.json) return this.output.json({ connectionString: text, caFile: null })
    this.output.print(flags.env ? `export AZURE_STORAGE_CONNECTION_STRING='${text}'` : text)
  }
}
