// Secrets that are given by reference: a variable of the daemon or a file only its owner may read. They are looked up when they are
// needed, never kept in the data folder and never logged.

import { readFileSync, statSync } from 'node:fs'
import { EhubError } from '../base/error.ts'

const secretBytesMax = 64 * 1024

/**
 * The text of a reference: `env:NAME` or `file:PATH`.
 * @throws EhubError `argument-error` for what is no reference, a variable that is not set, a file that is missing or open to others.
 */
export function readSecret(reference: string, env: Readonly<Record<string, string | undefined>>): string {
  const wrong = (what: string, hint: string) =>
    new EhubError('argument-error', `credentials "${reference}" ${what}`, { hint })
  const [, kind, name = ''] = /^(env|file):(.+)$/.exec(reference) ?? []
  if (kind === 'env') {
    const value = env[name] ?? ''
    if (value === '') throw wrong('name a variable that is not set', 'set it for the daemon, then: ehub daemon restart')
    return value
  }
  if (kind !== 'file') throw wrong('are no reference', 'write env:NAME or file:PATH')
  try {
    const status = statSync(name)
    if (!status.isFile() || status.size > secretBytesMax)
      throw wrong('name no file of a secret', 'name a small text file')
    if ((status.mode & 0o077) !== 0) throw wrong('name a file that others may read', `chmod 600 ${name}`)
    return readFileSync(name, 'utf8').trim()
  } catch (error) {
    if (error instanceof EhubError) throw error
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    throw wrong(`name a file that cannot be read: ${reason}`, 'name a file the daemon may read')
  }
}
