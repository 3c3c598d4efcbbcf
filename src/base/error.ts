// Operating errors: everything that can go wrong without a bug. Thrown by the floor that knows, caught by the floor that
// can act. Adapters and the command line hold no mapping of their own: `wire/errors.ts` projects a code to an AMQP
// condition, an HTTP status and an exit code.

export const errorCodes = [
  // What the caller asked for is not right.
  'argument-error',
  'argument-out-of-range',
  'usage',
  'decode-error',
  'frame-too-large',
  'not-allowed',
  'not-supported',
  // Entities.
  'namespace-not-found',
  'hub-not-found',
  'group-not-found',
  'partition-not-found',
  'rule-not-found',
  'checkpoint-not-found',
  'file-not-found',
  'container-not-found',
  'blob-not-found',
  'hub-exists',
  'group-exists',
  'rule-exists',
  'container-exists',
  'blob-exists',
  'file-exists',
  // Who may do what.
  'unauthorized',
  'token-invalid',
  'token-expired',
  // Events and receivers.
  'event-too-large',
  'position-out-of-range',
  'receiver-limit',
  'receiver-stolen',
  'owner-level-lower',
  'owner-level-required',
  'checkpoint-conflict',
  'ownership-conflict',
  'blob-condition-failed',
  // Capacity.
  'quota-exceeded',
  'server-busy',
  'disk-full',
  'timeout',
  'cancelled',
  'shutting-down',
  // Storage.
  'storage-closed',
  'storage-corrupt',
  'storage-failed',
  'sequence-trimmed',
  // Daemon life cycle and the way to it.
  'data-folder-locked',
  'data-folder-unusable',
  'data-folder-newer',
  'port-taken',
  'config-invalid',
  'daemon-not-running',
  'daemon-running',
  'connect-failed',
  'tls-failed',
  'interrupted',
  'partial',
  'below-minimum',
  'integrity',
  // The other side failed by a fault of its own.
  'service-failed',
  'internal-error',
] as const

export type EhubErrorCode = (typeof errorCodes)[number]

export interface EhubErrorDetails {
  /** What to do next, one sentence for a person. */
  readonly hint?: string
  /** Milliseconds after which a retry may succeed. */
  readonly retryAfterMs?: number
  readonly cause?: unknown
}

export class EhubError extends Error {
  override readonly name = 'EhubError'
  readonly code: EhubErrorCode
  readonly hint: string | undefined
  readonly retryAfterMs: number | undefined

  /** @param message A sentence for a person that names the thing and the numbers, without a trailing full stop. */
  constructor(code: EhubErrorCode, message: string, details: EhubErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.hint = details.hint
    this.retryAfterMs = details.retryAfterMs
  }
}

export function isEhubError(error: unknown, code?: EhubErrorCode): error is EhubError {
  return error instanceof EhubError && (code === undefined || error.code === code)
}
