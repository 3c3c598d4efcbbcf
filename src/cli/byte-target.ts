// Where a command's data goes: stdout, or a file that is not there yet. Writes are in order; `write` resolves when more may
// come, so that memory is bounded by what the reader of stdout lets wait.

import { closeSync, fsyncSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { EhubError } from '../base/error.ts'
import { StdoutWriter } from './stdout-writer.ts'

export interface ByteTarget {
  /** Bytes written so far; of a file that is continued, with those before. */
  readonly position: number
  /** The reader of stdout has left: nothing more arrives. */
  readonly isClosed: boolean
  /** Takes the bytes, which are the caller's again when it resolves. @throws EhubError `disk-full`, `internal-error`. */
  write(bytes: Uint8Array): Promise<void>
  /** Everything written is on its way to the disk or the reader. */
  finish(): Promise<void>
  /** Gives up: what was written stays. */
  abandon(): void
}

const stdoutPendingBytesMax = 8 * 1024 * 1024

export function openStdout(): ByteTarget {
  const stdout = new StdoutWriter(process.stdout)
  let position = 0
  return {
    get position() {
      return position
    },
    get isClosed() {
      return stdout.isClosed
    },
    write: async (bytes) => {
      position += bytes.length
      stdout.write(Buffer.from(bytes))
      await stdout.drained(stdoutPendingBytesMax)
    },
    finish: async () => {
      await stdout.drained()
      stdout.dispose()
    },
    abandon: () => stdout.dispose(),
  }
}

/**
 * @param resumeAt Length the file had at a known place: it is cut there and continued; null: the file must not exist.
 * @throws EhubError `file-exists`, `disk-full`, `internal-error`.
 */
export function openOutputFile(path: string, resumeAt: number | null, isReplaced: boolean): ByteTarget {
  const fd = openFile(path, resumeAt, isReplaced)
  let position = resumeAt ?? 0
  let isOpen = true
  const close = () => {
    if (!isOpen) return
    isOpen = false
    closeSync(fd)
  }
  if (resumeAt !== null) ftruncateSync(fd, resumeAt)
  return {
    get position() {
      return position
    },
    isClosed: false,
    write: (bytes) => {
      try {
        writeAll(fd, bytes, position)
      } catch (error) {
        return Promise.reject(writeError(path, error))
      }
      position += bytes.length
      return Promise.resolve()
    },
    finish: () => {
      try {
        fsyncSync(fd)
      } catch (error) {
        return Promise.reject(writeError(path, error))
      } finally {
        close()
      }
      return Promise.resolve()
    },
    abandon: close,
  }
}

/** Writes all bytes at a place of an open file, however many calls it takes. */
export function writeAll(fd: number, bytes: Uint8Array, at: number): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done, at + done)
}

/** What writing a file failed with. */
export function writeError(path: string, error: unknown): EhubError {
  const isFull = error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT')
  const reason = error instanceof Error ? error.message : String(error)
  return new EhubError(isFull ? 'disk-full' : 'internal-error', `cannot write "${path}": ${reason}`, { cause: error })
}

function openFile(path: string, resumeAt: number | null, isReplaced: boolean): number {
  try {
    return openSync(path, resumeAt !== null ? 'r+' : isReplaced ? 'w' : 'wx', 0o600)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') {
      throw new EhubError('file-exists', `"${path}" exists already`, {
        hint: '--resume goes on where a run before ended, --overwrite replaces it',
        cause: error,
      })
    }
    throw writeError(path, error)
  }
}
