// Builders for golden bytes: hex in pieces, each with its meaning beside it.

import assert from 'node:assert/strict'
import { type EhubErrorCode, isEhubError } from '../../../src/base/error.ts'

/** Bytes of hex pieces; blanks inside a piece are for the reader. */
export function hex(...pieces: string[]): Buffer {
  return Buffer.from(pieces.join('').replace(/\s+/g, ''), 'hex')
}

export function throwsCode(run: () => unknown, code: EhubErrorCode): void {
  assert.throws(run, (error) => isEhubError(error, code) || assert.fail(`${code} expected, got ${String(error)}`))
}
