// Who may do what on the blob endpoint: whoever signs with the account's key anything, a shared access signature what its letters
// say. Source: the tables of permissions in "Create an account SAS" and "Create a service SAS".

import { BlockList, isIPv4 } from 'node:net'
import type { BlobRequest } from '../../../wire/blob/request.ts'
import { type BlobSas, verifyBlobSas } from '../../../wire/blob/sas.ts'
import { isSignedWithKey, type SigningAccount } from '../../../wire/blob/shared-key.ts'
import { authenticationFailed, BlobRefusal } from './refusals.ts'

/** What a call does, in the letters of signatures. */
export interface Need {
  /** Of an account's signature: account, container, blob. */
  readonly resourceType: 's' | 'c' | 'o'
  /** One of these letters is enough. */
  readonly permissions: string
}

/** Requests signed longer ago, or later than now, are not taken: Azure's fifteen minutes. */
const skewMsMax = 15 * 60_000

/** @throws BlobRefusal `AuthenticationFailed` or, for a good signature that does not reach so far, an `Authorization…` code. */
export function authorize(
  request: BlobRequest,
  account: SigningAccount,
  need: Need,
  peer: { readonly address: string; readonly nowMs: number },
): void {
  if (request.account !== account.name) throw authenticationFailed()
  if (request.headers.has('authorization')) {
    const sentMs = Date.parse(request.headers.get('x-ms-date') ?? request.headers.get('date') ?? '')
    if (!isSignedWithKey(request, account) || !(Math.abs(peer.nowMs - sentMs) <= skewMsMax))
      throw authenticationFailed()
    return
  }
  const sas = verifyBlobSas(request, account)
  if (sas === null || peer.nowMs >= sas.expiresAtMs || (sas.startsAtMs ?? 0) > peer.nowMs + skewMsMax) {
    throw authenticationFailed()
  }
  if (sas.protocol === 'https') {
    throw new BlobRefusal(403, 'AuthorizationProtocolMismatch', 'the signature is for HTTPS only')
  }
  if (sas.ipRange !== '' && !isInRange(peer.address, sas.ipRange)) {
    throw new BlobRefusal(403, 'AuthorizationSourceIPMismatch', 'the signature is not for this address')
  }
  checkReach(sas, need)
}

function checkReach(sas: BlobSas, { resourceType, permissions }: Need): void {
  const { resourceTypes } = sas
  const isReached =
    resourceTypes === null
      ? // A service's signature reaches blobs, and the listing of a container that it is for.
        resourceType === 'o' || (resourceType === 'c' && !sas.isOneBlob && permissions === 'l')
      : resourceTypes.includes(resourceType)
  if (!isReached) {
    throw new BlobRefusal(403, 'AuthorizationResourceTypeMismatch', 'the signature is not for this kind of resource')
  }
  if (!permissions.split('').some((letter) => sas.permissions.includes(letter))) {
    throw new BlobRefusal(
      403,
      'AuthorizationPermissionMismatch',
      `the signature allows "${sas.permissions}", this needs one of "${permissions}"`,
    )
  }
}

function isInRange(address: string, range: string): boolean {
  const plain = address.replace(/^::ffff:/, '')
  const [first = '', last = first, ...rest] = range.split('-')
  if (rest.length > 0 || ![plain, first, last].every(isIPv4)) return false
  const list = new BlockList()
  try {
    list.addRange(first, last)
  } catch {
    // The first address is above the last: no address lies between them.
    return false
  }
  return list.check(plain)
}
