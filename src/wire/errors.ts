// Projection of an error code to each protocol: the only place where such a mapping is written (style rule 5: declare once).
// Sources: reference facts of docs/PROTOCOLS.md (AMQP conditions the service uses, HTTP statuses), docs/CLI.md (exit codes).

import type { EhubErrorCode } from '../base/error.ts'

export interface ErrorProjection {
  /** AMQP error condition, a symbol. */
  readonly amqp: string
  readonly http: number
  /** Exit code of the command line. */
  readonly exit: number
  /** The same request may succeed later without anybody changing anything. */
  readonly isRetryable: boolean
}

const row = (amqp: string, http: number, exit: number, isRetryable = false): ErrorProjection => ({
  amqp,
  http,
  exit,
  isRetryable,
})

const projections = {
  'argument-error': row('com.microsoft:argument-error', 400, 2),
  'argument-out-of-range': row('com.microsoft:argument-out-of-range', 400, 2),
  usage: row('com.microsoft:argument-error', 400, 2),
  'decode-error': row('amqp:decode-error', 400, 2),
  'frame-too-large': row('amqp:connection:framing-error', 413, 1),
  'not-allowed': row('amqp:not-allowed', 400, 1),
  'not-supported': row('amqp:not-implemented', 501, 1),
  'namespace-not-found': row('amqp:not-found', 404, 5),
  'hub-not-found': row('amqp:not-found', 404, 5),
  'group-not-found': row('amqp:not-found', 404, 5),
  // The service answers an unknown partition with this condition, not with not-found.
  'partition-not-found': row('com.microsoft:argument-out-of-range', 400, 5),
  'rule-not-found': row('amqp:not-found', 404, 5),
  'checkpoint-not-found': row('amqp:not-found', 404, 5),
  'container-not-found': row('amqp:not-found', 404, 5),
  'blob-not-found': row('amqp:not-found', 404, 5),
  'file-not-found': row('amqp:not-found', 404, 5),
  'hub-exists': row('com.microsoft:entity-already-exists', 409, 6),
  'group-exists': row('com.microsoft:entity-already-exists', 409, 6),
  'rule-exists': row('com.microsoft:entity-already-exists', 409, 6),
  'container-exists': row('com.microsoft:entity-already-exists', 409, 6),
  'blob-exists': row('com.microsoft:entity-already-exists', 409, 6),
  'file-exists': row('com.microsoft:entity-already-exists', 409, 6),
  unauthorized: row('amqp:unauthorized-access', 401, 4),
  'token-invalid': row('amqp:unauthorized-access', 401, 4),
  'token-expired': row('amqp:unauthorized-access', 401, 4),
  'event-too-large': row('amqp:link:message-size-exceeded', 413, 2),
  'position-out-of-range': row('com.microsoft:argument-error', 400, 2),
  'receiver-limit': row('amqp:resource-limit-exceeded', 403, 6),
  'receiver-stolen': row('amqp:link:stolen', 410, 6),
  'owner-level-lower': row('amqp:link:stolen', 410, 6),
  'owner-level-required': row('amqp:link:stolen', 410, 6),
  'checkpoint-conflict': row('amqp:precondition-failed', 412, 6),
  'ownership-conflict': row('amqp:precondition-failed', 412, 6),
  'blob-condition-failed': row('amqp:precondition-failed', 412, 6),
  'quota-exceeded': row('amqp:resource-limit-exceeded', 403, 7),
  'server-busy': row('com.microsoft:server-busy', 503, 7, true),
  'disk-full': row('com.microsoft:server-busy', 503, 7, true),
  timeout: row('com.microsoft:timeout', 408, 8, true),
  cancelled: row('com.microsoft:operation-cancelled', 499, 1, true),
  'shutting-down': row('amqp:connection:forced', 503, 3, true),
  'storage-closed': row('amqp:internal-error', 503, 1, true),
  'storage-corrupt': row('amqp:internal-error', 500, 12),
  'storage-failed': row('amqp:internal-error', 503, 1, true),
  'sequence-trimmed': row('com.microsoft:argument-error', 410, 5),
  'data-folder-locked': row('amqp:internal-error', 500, 6),
  'data-folder-unusable': row('amqp:internal-error', 500, 1),
  'data-folder-newer': row('amqp:internal-error', 500, 1),
  'port-taken': row('amqp:internal-error', 500, 6),
  'config-invalid': row('com.microsoft:argument-error', 400, 2),
  'daemon-not-running': row('amqp:internal-error', 503, 3),
  'daemon-running': row('amqp:internal-error', 409, 6),
  'connect-failed': row('amqp:internal-error', 503, 3, true),
  'tls-failed': row('amqp:internal-error', 503, 3),
  interrupted: row('com.microsoft:operation-cancelled', 499, 130),
  partial: row('amqp:internal-error', 500, 9),
  'below-minimum': row('com.microsoft:timeout', 408, 8),
  integrity: row('amqp:internal-error', 500, 12),
  'service-failed': row('amqp:internal-error', 500, 1, true),
  'internal-error': row('amqp:internal-error', 500, 1, true),
} as const satisfies Record<EhubErrorCode, ErrorProjection>

export function projectError(code: EhubErrorCode): ErrorProjection {
  return projections[code]
}
