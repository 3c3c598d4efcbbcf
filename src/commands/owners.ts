import { Args, Flags } from '@oclif/core'
import { BaseCommand } from '../cli/base-command.ts'
import { ownerColumns, ownerRow } from '../cli/owner-view.ts'

export default class Owners extends BaseCommand {
  static override summary = 'List which processor owns which partition.'
  static override examples = [
    '<%= config.bin %> owners orders',
    '<%= config.bin %> owners orders -g billing --json',
    '<%= config.bin %> owners orders --store checkpoints',
  ]
  static override args = {
    hub: Args.string({ ignoreStdin: true, required: true, description: 'Name of the hub.' }),
  }
  static override flags = {
    group: Flags.string({ char: 'g', summary: 'Only this consumer group.', helpValue: 'NAME' }),
    store: Flags.string({ summary: 'Only what is kept in this container.', helpValue: 'NAME' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Owners)
    const control = this.control()
    const { name: hub, groups } = await control.call('describeHub', { hub: args.hub })
    const wanted = flags.group === undefined ? groups : [flags.group]
    const store = flags.store === undefined ? {} : { store: flags.store }
    const replies = await Promise.all(wanted.map((group) => control.call('listOwners', { hub, group, ...store })))
    const owners = replies.flatMap((reply) => reply.owners)
    if (flags.json) return this.output.json(owners)
    const nowMs = this.clock.now()
    await this.output.table(
      ownerColumns,
      owners.map((row) => ownerRow(row, nowMs)),
    )
  }
}
