// How one record changes containers and blobs; the rest of `apply.ts`.

import { EhubError } from '../../base/error.ts'
import { type BlobState, type ContainerState, removeBlob, removeContainer, setBlob } from './blob-state.ts'
import type { BrokerState } from './state.ts'
import type { StateRecord, StateRecordOf } from './state-records.ts'

const storageKinds = [
  'storage-account-set',
  'container-set',
  'container-deleted',
  'blob-set',
  'blob-files-set',
  'blob-metadata-set',
  'blob-deleted',
] as const
type StorageRecord = StateRecordOf<(typeof storageKinds)[number]>
const kinds: ReadonlySet<string> = new Set(storageKinds)

const noFiles: readonly string[] = Object.freeze([])

/** A blob as the record that makes it. */
export function blobRecord(container: string, blob: BlobState): StateRecord {
  const { content, files, fileBytes, ...rest } = blob
  return files.length === 0
    ? { kind: 'blob-set', container, ...rest, content }
    : { kind: 'blob-files-set', container, ...rest, files, fileBytes }
}

export function isStorageRecord(record: StateRecord): record is StorageRecord {
  return kinds.has(record.kind)
}

/** @throws EhubError `storage-corrupt` when the record names what the state does not hold. */
export function applyStorage(state: BrokerState, record: StorageRecord): void {
  const { storage } = state
  if ('revision' in record) state.lastRevision = Math.max(state.lastRevision, record.revision)
  switch (record.kind) {
    case 'storage-account-set':
      storage.account = { name: record.name, key: record.key }
      return
    case 'container-set': {
      const { name, metadata, createdAtMs, updatedAtMs, revision } = record
      const blobs: ContainerState['blobs'] = storage.containers.get(name)?.blobs ?? new Map()
      storage.containers.set(name, { name, metadata, createdAtMs, updatedAtMs, revision, blobs })
      return
    }
    case 'container-deleted':
      removeContainer(storage, containerOf(state, record.name, record.kind))
      return
    case 'blob-set': {
      const { name, metadata, contentType, content, createdAtMs, updatedAtMs, revision } = record
      const inline = { content, files: noFiles, fileBytes: 0 }
      const blob = { name, metadata, contentType, ...inline, createdAtMs, updatedAtMs, revision }
      setBlob(storage, containerOf(state, record.container, record.kind), blob)
      return
    }
    case 'blob-files-set': {
      const { kind: _, container, ...blob } = record
      setBlob(storage, containerOf(state, container, record.kind), { ...blob, content: '' })
      return
    }
    case 'blob-metadata-set': {
      const { name, metadata, updatedAtMs, revision } = record
      const container = containerOf(state, record.container, record.kind)
      const blob = container.blobs.get(name)
      if (blob === undefined) throw misplaced(record.kind, 'a blob')
      setBlob(storage, container, { ...blob, metadata, updatedAtMs, revision })
      return
    }
    case 'blob-deleted':
      removeBlob(storage, containerOf(state, record.container, record.kind), record.name)
      return
  }
}

function containerOf(state: BrokerState, name: string, kind: string): ContainerState {
  const container = state.storage.containers.get(name)
  if (container === undefined) throw misplaced(kind, 'a container')
  return container
}

function misplaced(kind: string, what: string): EhubError {
  return new EhubError(
    'storage-corrupt',
    `the state log holds a record of kind ${kind} for ${what} that does not exist`,
  )
}
