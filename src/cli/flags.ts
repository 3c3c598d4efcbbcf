// Flags that mean the same in every command (docs/CLI.md, global flags).

import { Flags } from '@oclif/core'

const helpGroup = 'GLOBAL'

/** Carried by every command. */
export const globalFlags = {
  'data-dir': Flags.string({
    summary: 'Data folder of the daemon to talk to; without it the one started last.',
    env: 'EHUB_DATA_DIR',
    helpValue: 'DIR',
    helpGroup,
  }),
  json: Flags.boolean({ summary: 'Answer as JSON; errors too, on stderr.', helpGroup }),
  quiet: Flags.boolean({ char: 'q', summary: 'No talk on stderr but errors.', helpGroup }),
  verbose: Flags.boolean({ char: 'v', summary: 'Say on stderr what is done, and causes of errors.', helpGroup }),
  'no-color': Flags.boolean({ summary: 'No colours; NO_COLOR and TERM=dumb say the same.', helpGroup }),
  timeout: Flags.string({
    summary: 'Longest time to wait for an answer, e.g. 500ms, 30s, 2m.',
    helpValue: 'DUR',
    helpGroup,
  }),
}

/** For commands that also work against a namespace elsewhere. */
export const connectionFlags = {
  'connection-string': Flags.string({
    char: 'c',
    summary: 'Namespace to talk to: the string itself, @FILE holding it, or - to read it from stdin.',
    helpValue: 'STR|@FILE|-',
    helpGroup,
  }),
}

/** For commands that ask before they destroy. */
export const confirmFlags = {
  yes: Flags.boolean({ char: 'y', summary: 'Do not ask for confirmation.' }),
  'no-input': Flags.boolean({ summary: 'Never prompt: fail where a confirmation is missing.' }),
}

export interface GlobalFlags {
  readonly 'data-dir': string | undefined
  readonly json: boolean
  readonly quiet: boolean
  readonly verbose: boolean
  readonly 'no-color': boolean
  readonly timeout: string | undefined
}
