// What a connection says when an error ends it, and to whom: the peer gets a condition and a sentence, the log gets the rest.

import { AssertionFailure } from '../../../base/assert.ts'
import { EhubError, isEhubError } from '../../../base/error.ts'
import type { Log } from '../../../base/log.ts'
import { ProtocolViolation } from './protocol-violation.ts'
import type { Refusal, Refusals } from './refusals.ts'

/** Logs the error. @returns What to tell the peer; null when nothing can be said any more because we have a bug. */
export function farewellOf(error: unknown, refusals: Refusals, log: Log): Refusal | null {
  if (error instanceof ProtocolViolation) {
    log.warn('peer broke the protocol', { condition: error.condition, reason: error.message })
    return { condition: error.condition, description: `${error.message}. ${refusals.gateway()}` }
  }
  if (isEhubError(error)) {
    log.warn('connection refused', { code: error.code, reason: error.message })
    return refusals.of(error)
  }
  log.error('connection failed by an error of ours', { stack: error instanceof Error ? error.stack : String(error) })
  return error instanceof AssertionFailure ? null : refusals.of(new EhubError('internal-error', 'internal error'))
}
