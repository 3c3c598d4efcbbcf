// How the blob endpoint says no: the service's own codes. Statuses of operating errors come from the table of `wire/errors.ts`.

import { type EhubError, type EhubErrorCode, isEhubError } from '../../../base/error.ts'
import { projectError } from '../../../wire/errors.ts'

/** Something about a request that only this protocol knows. */
export class BlobRefusal extends Error {
  override readonly name = 'BlobRefusal'
  readonly status: number
  /** The service's, for `x-ms-error-code`. */
  readonly code: string

  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

// Source: "Common REST API error codes", "Blob service error codes".
const codes: Partial<Record<EhubErrorCode, string>> = {
  'argument-error': 'InvalidInput',
  'container-not-found': 'ContainerNotFound',
  'blob-not-found': 'BlobNotFound',
  'container-exists': 'ContainerAlreadyExists',
  'blob-exists': 'BlobAlreadyExists',
  'blob-condition-failed': 'ConditionNotMet',
  'quota-exceeded': 'QuotaExceeded',
  'server-busy': 'ServerBusy',
  'disk-full': 'ServerBusy',
  'shutting-down': 'ServerBusy',
}

/** @returns null for what is no operating error: a bug. */
export function refusalOf(error: unknown): BlobRefusal | null {
  if (error instanceof BlobRefusal) return error
  return isEhubError(error) ? projected(error) : null
}

function projected({ code, message, hint }: EhubError): BlobRefusal {
  const text = hint === undefined ? message : `${message}: ${hint}`
  return new BlobRefusal(projectError(code).http, codes[code] ?? 'InternalError', text)
}

/** The same whatever is wrong, so that nothing is learned from it. */
export function authenticationFailed(): BlobRefusal {
  return new BlobRefusal(
    403,
    'AuthenticationFailed',
    'the request is not signed with the key of this account, or its signature is not valid now: see "ehub connection-string --for blob"',
  )
}
