// Containers and blobs as part of the broker's state, and an index of the blobs that are checkpoints or owners, by hub and group.
// The index is derived: it follows the blobs in `setBlob` and `removeBlob` and nowhere else.

import { type BlobMetadata, type CheckpointBlobName, parseCheckpointBlobName } from '../../wire/checkpoint-blobs.ts'
import { entityKey } from '../../wire/entity-names.ts'
import type { StorageAccount } from './blobs-api.ts'

export interface BlobState {
  readonly name: string
  readonly metadata: BlobMetadata
  readonly contentType: string | null
  /** Base64; empty when it lies in files. */
  readonly content: string
  /** Names of the files its content is in, one behind the other; none: it is `content`. */
  readonly files: readonly string[]
  readonly fileBytes: number
  readonly createdAtMs: number
  readonly updatedAtMs: number
  /** From the counter of all etags. */
  readonly revision: number
}

export interface ContainerState {
  readonly name: string
  readonly blobs: Map<string, BlobState>
  metadata: BlobMetadata
  createdAtMs: number
  updatedAtMs: number
  revision: number
}

/** A blob that is a checkpoint or an owner. */
export interface IndexedBlob extends CheckpointBlobName {
  readonly container: string
  readonly blob: BlobState
}

export interface StorageState {
  account: StorageAccount | null
  readonly containers: Map<string, ContainerState>
  /** By `groupIndexKey`, then by container and blob. */
  readonly index: Map<string, Map<string, IndexedBlob>>
  /** Bytes of all blobs, see `blobBytesOf`. */
  bytes: number
  /** Files no blob has any more since somebody took the list last. */
  orphans: string[]
}

export function emptyStorage(): StorageState {
  return { account: null, containers: new Map(), index: new Map(), bytes: 0, orphans: [] }
}

export function clearStorage(storage: StorageState): void {
  storage.account = null
  storage.containers.clear()
  storage.index.clear()
  storage.bytes = 0
  storage.orphans = []
}

/** Bytes a blob counts for: what it holds, and what keeping it costs. */
export function blobBytesOf({ name, metadata, content, files }: BlobState): number {
  let bytes = 256 + name.length + content.length
  for (const file of files) bytes += file.length
  for (const [key, value] of Object.entries(metadata)) bytes += key.length + value.length
  return bytes
}

export function setBlob(storage: StorageState, container: ContainerState, blob: BlobState): void {
  const existing = container.blobs.get(blob.name)
  container.blobs.set(blob.name, blob)
  if (existing !== undefined && existing.files !== blob.files) storage.orphans.push(...existing.files)
  storage.bytes += blobBytesOf(blob) - (existing === undefined ? 0 : blobBytesOf(existing))
  const parsed = parseCheckpointBlobName(blob.name)
  if (parsed === null) return
  const key = groupIndexKey(parsed.hub, parsed.group)
  const group = storage.index.get(key) ?? new Map<string, IndexedBlob>()
  storage.index.set(key, group.set(blobKey(container, blob.name), { ...parsed, container: container.name, blob }))
}

/** Nothing happens when there is no such blob. */
export function removeBlob(storage: StorageState, container: ContainerState, name: string): void {
  const blob = container.blobs.get(name)
  if (blob === undefined) return
  container.blobs.delete(name)
  storage.orphans.push(...blob.files)
  storage.bytes -= blobBytesOf(blob)
  const parsed = parseCheckpointBlobName(name)
  if (parsed === null) return
  const key = groupIndexKey(parsed.hub, parsed.group)
  const group = storage.index.get(key)
  group?.delete(blobKey(container, name))
  if (group?.size === 0) storage.index.delete(key)
}

export function removeContainer(storage: StorageState, container: ContainerState): void {
  for (const name of [...container.blobs.keys()]) removeBlob(storage, container, name)
  storage.containers.delete(container.name)
}

/** Checkpoints and owners of a group of a hub, of every container. */
export function blobsOfGroup(storage: StorageState, hub: string, group: string): Iterable<IndexedBlob> {
  return storage.index.get(groupIndexKey(hub, group))?.values() ?? []
}

function groupIndexKey(hub: string, group: string): string {
  return `${entityKey(hub)}/${entityKey(group)}`
}

// No container's name holds a slash.
function blobKey({ name: container }: ContainerState, name: string): string {
  return `${container}/${name}`
}
