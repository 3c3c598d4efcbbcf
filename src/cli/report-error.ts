// How an error leaves the program: one shape for people, one for programs, always on stderr; the exit code comes from the
// projection table. A stack is shown for bugs only.

import { stripVTControlCharacters } from 'node:util'
import { EhubError, isEhubError } from '../base/error.ts'
import { escapeLines } from '../base/escape-text.ts'
import { projectError } from '../wire/errors.ts'
import type { Output } from './output.ts'

export interface ErrorReport {
  readonly text: string
  readonly exitCode: number
}

export interface ReportOptions {
  readonly isJson: boolean
  readonly isVerbose: boolean
  readonly output: Output
}

/** What goes to stderr, with a final newline, and the exit code. */
export function reportError(thrown: unknown, options: ReportOptions): ErrorReport {
  const error = toEhubError(thrown)
  const { amqp, exit } = projectError(error.code)
  const isLocal = amqp === 'amqp:internal-error' || error.code === 'usage'
  if (options.isJson) {
    const body = {
      code: error.code,
      message: error.message,
      hint: error.hint,
      condition: isLocal ? undefined : amqp,
      retryAfterMs: error.retryAfterMs,
      exit,
    }
    return { text: `${JSON.stringify({ error: body })}\n`, exitCode: exit }
  }
  const { output } = options
  const lines = [`${output.paint('red', `error[${error.code}]:`, 'stderr')} ${escapeLines(error.message)}`]
  if (!isLocal) lines.push(`  condition: ${amqp}`)
  if (error.code === 'internal-error') lines.push(...stackLines(error.cause ?? thrown))
  else if (options.isVerbose) lines.push(...causes(error))
  if (error.hint !== undefined) lines.push(`  hint: ${escapeLines(error.hint)}`)
  return { text: `${lines.join('\n')}\n`, exitCode: exit }
}

/** Anything thrown as an operating error; what is not one is a bug of ours and becomes `internal-error`. */
function toEhubError(thrown: unknown): EhubError {
  if (isEhubError(thrown)) return thrown
  const usage = usageMessage(thrown)
  if (usage !== null) return new EhubError('usage', usage, { hint: 'Add --help to see flags and examples.' })
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  return new EhubError('internal-error', message, {
    cause: thrown,
    hint: 'This is a bug: please report it with the lines above.',
  })
}

// oclif's parser throws errors with an exit status of 2 and a `parse` member or a `CLIError` among its ancestors.
function usageMessage(thrown: unknown): string | null {
  if (!(thrown instanceof Error) || !('oclif' in thrown)) return null
  return stripVTControlCharacters(thrown.message).replace('\nSee more help with --help', '').trim()
}

function causes(error: Error): string[] {
  const lines: string[] = []
  // Bounded: a chain of causes may be a ring.
  for (let cause = error.cause; cause instanceof Error && lines.length < 8; cause = cause.cause) {
    lines.push(`  reason: ${escapeLines(cause.message)}`)
  }
  return lines
}

function stackLines(thrown: unknown): string[] {
  const stack = thrown instanceof Error ? (thrown.stack ?? '') : ''
  return stack
    .split('\n')
    .slice(1, 12)
    .map((line) => `  ${escapeLines(line.trim())}`)
}
