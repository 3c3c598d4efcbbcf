// From words to a command: `daemon start --foreground` is `daemon:start` with the rest. Unknown words are answered with the
// nearest command there is.

import { EhubError } from '../base/error.ts'
import { nearestName } from './suggest.ts'

export interface ResolvedCommand {
  /** Of a command, or of a topic when `wantsHelp`; null: the program itself. */
  readonly id: string | null
  readonly rest: readonly string[]
  readonly wantsHelp: boolean
}

/**
 * @param ids Command ids as in the table, `:` between topic and command.
 * @throws EhubError `usage` naming the words that are no command.
 */
export function resolveCommand(argv: readonly string[], ids: readonly string[]): ResolvedCommand {
  const end = argv.indexOf('--')
  const own = end === -1 ? argv : argv.slice(0, end)
  const asksHelp = own.some((word) => word === '--help' || word === '-h')
  const words = own.slice(0, own.findIndex((word) => word.startsWith('-')) >>> 0)
  for (let length = words.length; length > 0; length -= 1) {
    const id = words.slice(0, length).join(':')
    if (ids.includes(id)) return { id, rest: argv.slice(length), wantsHelp: asksHelp }
    if (isTopic(id, ids)) {
      if (words.length === length) return { id, rest: argv.slice(length), wantsHelp: true }
      throw unknownCommand(words.slice(0, length + 1), ids)
    }
  }
  if (words.length > 0) throw unknownCommand(words.slice(0, 1), ids)
  if (argv.length === 0 || asksHelp) return { id: null, rest: argv, wantsHelp: true }
  throw new EhubError('usage', `the command comes first, flags after it: "${argv[0] ?? ''}"`, {
    hint: 'Run "ehub help" for the list of commands.',
  })
}

function isTopic(id: string, ids: readonly string[]): boolean {
  return ids.some((other) => other.startsWith(`${id}:`))
}

function unknownCommand(words: readonly string[], ids: readonly string[]): EhubError {
  const name = words.join(' ')
  const near = nearestName(
    name,
    ids.map((id) => id.replaceAll(':', ' ')),
  )
  return new EhubError('usage', `no command "${name}"${near === null ? '' : ` — did you mean "${near}"?`}`, {
    hint: 'Run "ehub help" for the list of commands.',
  })
}
