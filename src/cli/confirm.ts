// Asks before something is destroyed: on a terminal, unless told not to; anywhere else the flag is needed.

import { createInterface } from 'node:readline/promises'
import { EhubError } from '../base/error.ts'

export interface ConfirmOptions {
  readonly isYes: boolean
  readonly isInputOff: boolean
}

/**
 * Resolves when the person agrees.
 * @param question Ends with a question mark.
 * @throws EhubError `usage` where nobody can be asked, `cancelled` when the answer is no.
 */
export async function confirm(question: string, { isYes, isInputOff }: ConfirmOptions): Promise<void> {
  if (isYes) return
  if (isInputOff || !process.stdin.isTTY || !process.stderr.isTTY) {
    throw new EhubError('usage', `${question.replace(/\?$/, '')} needs a confirmation`, {
      hint: 'Add --yes to confirm.',
    })
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  const interrupted = new AbortController()
  terminal.on('SIGINT', () => interrupted.abort())
  try {
    const answer = await terminal.question(`${question} [y/N] `, { signal: interrupted.signal })
    if (/^y(es)?$/i.test(answer.trim())) return
  } catch (error) {
    if (!interrupted.signal.aborted) throw error
    throw new EhubError('interrupted', 'interrupted, nothing was changed')
  } finally {
    terminal.close()
  }
  throw new EhubError('cancelled', 'nothing was changed')
}
