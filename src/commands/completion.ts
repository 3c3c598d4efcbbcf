import { Args } from '@oclif/core'
import { BaseCommand } from '../cli/base-command.ts'
import { type CommandWords, completionScript, type Shell, shells } from '../cli/completion-scripts.ts'

export default class Completion extends BaseCommand {
  static override summary = 'Print the completion script for a shell.'
  static override examples = [
    'source <(<%= config.bin %> completion bash)',
    '<%= config.bin %> completion zsh > "${fpath[1]}/_ehub"',
    '<%= config.bin %> completion fish > ~/.config/fish/completions/ehub.fish',
  ]
  static override args = {
    shell: Args.custom<Shell>({ options: [...shells] })({ required: true, description: 'Your shell.' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Completion)
    const script = completionScript(args.shell, this.#words())
    if (flags.json) this.output.json({ shell: args.shell, script })
    else process.stdout.write(script)
  }

  #words(): readonly CommandWords[] {
    return this.config.commands
      .filter((command) => command.hidden !== true)
      .map((command) => ({
        command: command.id.replaceAll(':', ' '),
        summary: command.summary ?? '',
        args: Object.keys(command.args),
        flags: Object.values(command.flags)
          .filter((flag) => flag.hidden !== true)
          .map((flag) => ({
            name: flag.name,
            char: flag.char ?? null,
            summary: flag.summary ?? '',
            takesValue: flag.type === 'option',
            options: flag.type === 'option' ? (flag.options ?? []) : [],
          })),
      }))
  }
}
