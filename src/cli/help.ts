// Help leads with examples that can be pasted; the rest is oclif's.

import { CommandHelp, Help, type Interfaces } from '@oclif/core'

type Sections = ReturnType<CommandHelp['sections']>

class EhubCommandHelp extends CommandHelp {
  protected override defaultUsage(): string {
    return `${super.defaultUsage()} [FLAGS]`
  }

  protected override sections(): Sections {
    const sections = super.sections()
    const examples = sections.filter((section) => section.header === 'EXAMPLES')
    return [...examples, ...sections.filter((section) => section.header !== 'EXAMPLES')]
  }
}

export class EhubHelp extends Help {
  protected override CommandHelpClass = EhubCommandHelp

  constructor(config: Interfaces.Config) {
    super(config, {
      flagSortOrder: 'none',
      docopts: false,
      hideCommandSummaryInDescription: true,
      hideAliasesFromRoot: true,
    })
  }
}
