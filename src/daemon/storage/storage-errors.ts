// From the disk's errors to ours.

import { EhubError, isEhubError } from '../../base/error.ts'
import { DiskError } from './disk.ts'

// Out of blocks, over quota, over the file size limit: all go away when space is made, nothing is broken.
const noSpaceCodes = ['ENOSPC', 'EDQUOT', 'EFBIG']

export function isNoSpace(error: unknown): boolean {
  return (error instanceof DiskError && noSpaceCodes.includes(error.systemCode)) || isEhubError(error, 'disk-full')
}

/** @param action What could not be done, as in "the storage could not …". */
export function storageError(action: string, cause: unknown): EhubError {
  if (cause instanceof EhubError) return cause
  if (!(cause instanceof DiskError)) throw cause
  if (isNoSpace(cause)) {
    return new EhubError('disk-full', `the storage could not ${action}: ${cause.message}`, {
      cause,
      hint: 'Free space on the file system of the data folder; publishing resumes by itself.',
      retryAfterMs: 1000,
    })
  }
  return new EhubError('storage-failed', `the storage could not ${action}: ${cause.message}`, {
    cause,
    retryAfterMs: 1000,
  })
}

export function storageClosed(what: string): EhubError {
  return new EhubError('storage-closed', `${what} is closed`)
}
