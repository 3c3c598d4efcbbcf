// The data folder as a whole: what version it has, what recovery found in it, and removing what is no longer needed.

import { EhubError } from '../../base/error.ts'
import type { Log } from '../../base/log.ts'
import type { DirectorySyncs } from './directory-syncs.ts'
import { type Disk, type DiskEntry, DiskError, type DiskPath } from './disk.ts'
import { formatVersion } from './format.ts'
import { decodeVersion, type FolderVersion, versionSlotBytes } from './journal-format.ts'
import { groupFolder, journalPath, logsFolder, partitionOfFolder, trashFolder, versionPath } from './paths.ts'
import type { RecoveredJournal } from './recovery.ts'

/**
 * Null for a new folder, or one whose version file is lost.
 * @throws EhubError `data-folder-newer`; DiskError
 */
export async function readVersion(disk: Disk): Promise<FolderVersion | null> {
  let version: FolderVersion | null = null
  try {
    const file = await disk.open(versionPath, 'read')
    try {
      const bytes = Buffer.alloc(2 * versionSlotBytes)
      version = decodeVersion(bytes.subarray(0, await file.read(bytes, 0)))
    } finally {
      await file.close()
    }
  } catch (error) {
    if (!(error instanceof DiskError && error.systemCode === 'ENOENT')) throw error
  }
  if (version !== null && version.version > formatVersion) {
    throw new EhubError(
      'data-folder-newer',
      `the data folder has format version ${version.version}, this ehub reads up to ${formatVersion}`,
      { hint: 'Use the newer ehub that wrote it; nothing was changed.' },
    )
  }
  return version
}

/** Says what recovery found; each of these lines is one an operator wants to see. */
export function report(recovered: RecoveredJournal, version: FolderVersion | null, log: Log): void {
  const newest = recovered.previous?.generation ?? 0
  if (version !== null && version.journalGeneration > newest) {
    log.error('the newest journal file is missing: events acknowledged shortly before the last stop may be lost', {
      missing: journalPath(version.journalGeneration),
    })
  }
  for (const { generation, from, to } of recovered.journalDamage) {
    log.error('a commit journal file is damaged', { file: journalPath(generation), from, to })
  }
  if (recovered.previous !== null && !recovered.isClean) {
    log.info('recovered after an unclean stop', { journal: journalPath(newest), hadTornTail: recovered.isTorn })
  }
}

/** Removes a folder with everything in it; a missing one is fine. */
export async function removeAll(disk: Disk, folder: string): Promise<void> {
  let entries
  try {
    entries = await disk.list(folder)
  } catch (error) {
    if (error instanceof DiskError && error.systemCode === 'ENOENT') return
    throw error
  }
  for (const { name, kind } of entries) {
    if (kind === 'directory') await removeAll(disk, `${folder}/${name}`)
    else await disk.remove(`${folder}/${name}`)
  }
  await disk.remove(folder)
}

/**
 * Removes the logs of a group but for some partitions: by one rename of its folder when none is to stay, else one a log.
 * @param trash Where to move it, a name never used before.
 * @throws DiskError
 */
export async function removeLogs(
  disk: Disk,
  folders: DirectorySyncs,
  group: string,
  alive: readonly number[],
  trash: DiskPath,
): Promise<void> {
  const folder = groupFolder(group)
  await folders.make(trashFolder)
  if (alive.length === 0) return moveAndRemove(disk, folders, folder, logsFolder, trash)
  for (const { name } of await listOrNothing(disk, folder)) {
    const partition = partitionOfFolder(name)
    if (partition === null || alive.includes(partition)) continue
    await moveAndRemove(disk, folders, `${folder}/${name}`, folder, `${trash}-${name}`)
  }
}

async function listOrNothing(disk: Disk, folder: DiskPath): Promise<readonly DiskEntry[]> {
  try {
    return await disk.list(folder)
  } catch (error) {
    if (error instanceof DiskError && error.systemCode === 'ENOENT') return []
    throw error
  }
}

async function moveAndRemove(
  disk: Disk,
  folders: DirectorySyncs,
  path: DiskPath,
  parent: DiskPath,
  trash: DiskPath,
): Promise<void> {
  let isThere = true
  try {
    await disk.rename(path, trash)
  } catch (error) {
    if (!(error instanceof DiskError && error.systemCode === 'ENOENT')) throw error
    isThere = false
  }
  // Whatever follows: a folder made again under this name is another one, and its name is not durable yet.
  folders.forget(path)
  // A rename is durable when both folders are, also one of an attempt before this that got no further.
  await disk.syncDirectory(trashFolder)
  await disk.syncDirectory(parent)
  if (isThere) await removeAll(disk, trash)
}
