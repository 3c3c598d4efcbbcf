// AMQP error conditions as errors of ours: the one table, the reverse of `wire/errors.ts` for peers that are not ours. Where
// a condition covers several of our codes the description decides: the texts are the service's.

import { EhubError, type EhubErrorCode } from '../base/error.ts'

const codes: Readonly<Record<string, EhubErrorCode>> = {
  'amqp:not-found': 'hub-not-found',
  'amqp:unauthorized-access': 'unauthorized',
  'com.microsoft:auth-failed': 'token-invalid',
  'com.microsoft:publisher-revoked': 'unauthorized',
  'amqp:not-allowed': 'not-allowed',
  'amqp:not-implemented': 'not-supported',
  'amqp:resource-limit-exceeded': 'quota-exceeded',
  'amqp:link:stolen': 'receiver-stolen',
  'amqp:link:message-size-exceeded': 'event-too-large',
  'amqp:link:detach-forced': 'shutting-down',
  'amqp:connection:forced': 'shutting-down',
  'com.microsoft:container-close': 'shutting-down',
  'amqp:link:transfer-limit-exceeded': 'server-busy',
  'com.microsoft:server-busy': 'server-busy',
  'com.microsoft:timeout': 'timeout',
  'com.microsoft:operation-cancelled': 'cancelled',
  'com.microsoft:argument-error': 'argument-error',
  'com.microsoft:argument-out-of-range': 'argument-out-of-range',
  'com.microsoft:entity-disabled': 'not-allowed',
  'com.microsoft:entity-already-exists': 'hub-exists',
  'com.microsoft:producer-epoch-stolen': 'receiver-stolen',
  'com.microsoft:out-of-order-sequence': 'argument-error',
  'amqp:decode-error': 'decode-error',
  'amqp:precondition-failed': 'checkpoint-conflict',
  'amqp:connection:framing-error': 'frame-too-large',
  'amqp:internal-error': 'service-failed',
}

/** Texts that tell our codes of one condition apart, first match wins. */
const refinements: readonly { readonly condition: string; readonly text: RegExp; readonly code: EhubErrorCode }[] = [
  { condition: 'amqp:resource-limit-exceeded', text: /allowed receivers per partition/i, code: 'receiver-limit' },
  { condition: 'amqp:link:stolen', text: /with a higher epoch .* already exists/i, code: 'owner-level-lower' },
  { condition: 'amqp:link:stolen', text: /non-epoch receiver is not allowed/i, code: 'owner-level-required' },
  // Trying again would read the same bytes.
  { condition: 'amqp:internal-error', text: /stored events is damaged/i, code: 'storage-corrupt' },
  { condition: 'amqp:unauthorized-access', text: /ExpiredToken|token is expired/i, code: 'token-expired' },
  { condition: 'amqp:unauthorized-access', text: /InvalidSignature|invalid signature/i, code: 'token-invalid' },
  { condition: 'amqp:not-found', text: /consumer ?group|\|[^|']+'? could not be found/i, code: 'group-not-found' },
  {
    condition: 'com.microsoft:argument-out-of-range',
    text: /partition is invalid/i,
    code: 'partition-not-found',
  },
  {
    condition: 'com.microsoft:argument-error',
    text: /supplied (offset|sequence number) .* is invalid/i,
    code: 'position-out-of-range',
  },
]

/**
 * An error as the peer sent it, its description as the message. The condition is not kept beside the code: the projection
 * table gives it back.
 * @param what The thing that was asked for or lost, in front of the message.
 */
export function errorOfCondition(condition: string | null, description: string | null, what: string): EhubError {
  const text = description === null || description === '' ? (condition ?? 'no reason given') : description
  const refined = refinements.find((row) => row.condition === condition && row.text.test(text))
  const code = refined?.code ?? codes[condition ?? ''] ?? 'service-failed'
  // An unknown condition must stay visible: the report only knows our code's.
  const shown = condition === null || codes[condition] !== undefined ? text : `${condition}: ${text}`
  return new EhubError(code, `${what}: ${shown}`, hintOf(code))
}

function hintOf(code: EhubErrorCode): { readonly hint?: string; readonly retryAfterMs?: number } {
  switch (code) {
    case 'unauthorized':
    case 'token-invalid':
      return { hint: 'check the rule and key of the connection string, and that the rule has the right to do this' }
    case 'hub-not-found':
      return { hint: 'list the hubs with: ehub list-hubs' }
    case 'server-busy':
      return { retryAfterMs: 4000 }
    default:
      return {}
  }
}
