// What may be done to containers and blobs: pure functions of (state, input, now), as in `commands.ts`.

import { EhubError } from '../../base/error.ts'
import {
  type BlobMetadata,
  type CheckpointBlobKind,
  formatCheckpointBlobName,
  ownerOf,
  withCheckpoint,
  withOwner,
} from '../../wire/checkpoint-blobs.ts'
import type { BlobConditions, BlobFilesWrite, BlobWrite, StorageAccount } from './blobs-api.ts'
import { blobRecord } from './apply-storage.ts'
import { type BlobState, blobBytesOf, blobsOfGroup, type ContainerState, type IndexedBlob } from './blob-state.ts'
import { checkClaim, type Command, type CommandResult } from './commands.ts'
import { grouped, quoted } from './error-texts.ts'
import type { BrokerState } from './state.ts'
import type { StateRecord } from './state-records.ts'

/** One blob's content: what is kept here is checkpoints and other small things. */
export const blobContentBytesMax = 64 * 1024
/** Blocks of one blob. Azure: 50,000; here each is named in the state. */
export const blobFilesMax = 2000
/** Names and values of one blob or container together. Azure: 8 KiB. */
const metadataBytesMax = 8 * 1024
const containersMax = 1000
/** All blobs together: the whole state is held in memory and written as one snapshot. */
const storageBytesMax = 64 * 1024 * 1024
/** Azure: 1 to 1,024 characters. */
const blobNameLengthMax = 1024

/** Keeps the account made first. */
export function createAccount(account: StorageAccount): Command<void> {
  return (state) => ({
    records: state.storage.account === null ? [{ kind: 'storage-account-set', ...account }] : [],
    reply: undefined,
  })
}

export function createContainer(name: string, metadata: BlobMetadata): Command<ContainerState> {
  checkContainerName(name)
  checkMetadata(metadata)
  return (state, nowMs) => {
    const { containers } = state.storage
    if (containers.has(name)) throw new EhubError('container-exists', `container "${name}" exists already`)
    if (containers.size >= containersMax) {
      throw new EhubError('quota-exceeded', `there are ${grouped(containersMax)} containers, the most there can be`)
    }
    const made = { name, metadata, createdAtMs: nowMs, updatedAtMs: nowMs, revision: state.lastRevision + 1 }
    return { records: [{ kind: 'container-set', ...made }], reply: { ...made, blobs: new Map() } }
  }
}

export function setContainerMetadata(
  name: string,
  metadata: BlobMetadata,
  conditions: BlobConditions,
): Command<ContainerState> {
  checkMetadata(metadata)
  return (state, nowMs) => {
    const container = containerNamed(state, name)
    checkConditions(container, conditions, `container "${name}"`)
    const revision = state.lastRevision + 1
    const { createdAtMs, blobs } = container
    const changed = { name, metadata, createdAtMs, updatedAtMs: nowMs, revision }
    return { records: [{ kind: 'container-set', ...changed }], reply: { ...changed, blobs } }
  }
}

export function deleteContainer(name: string, conditions: BlobConditions): Command<void> {
  return (state) => {
    checkConditions(containerNamed(state, name), conditions, `container "${name}"`)
    return { records: [{ kind: 'container-deleted', name }], reply: undefined }
  }
}

export function putBlob(
  container: string,
  name: string,
  write: BlobWrite,
  conditions: BlobConditions,
): Command<BlobState> {
  checkBlobName(name)
  checkMetadata(write.metadata)
  const { metadata, contentType } = write
  if (write.content.length > blobContentBytesMax) {
    throw new EhubError(
      'quota-exceeded',
      `blob ${quoted(name)} of ${grouped(write.content.length)} bytes exceeds ${grouped(blobContentBytesMax)}, the most kept here`,
    )
  }
  return putWhole(container, name, conditions, {
    metadata,
    contentType,
    content: write.content.toString('base64'),
    files: [],
    fileBytes: 0,
  })
}

/** Content in files, which are durable already. */
export function putBlobFiles(
  container: string,
  name: string,
  write: BlobFilesWrite,
  conditions: BlobConditions,
): Command<BlobState> {
  checkBlobName(name)
  checkMetadata(write.metadata)
  if (write.files.length > blobFilesMax) {
    throw new EhubError(
      'quota-exceeded',
      `blob ${quoted(name)} of ${grouped(write.files.length)} blocks exceeds ${grouped(blobFilesMax)}, the most kept here`,
    )
  }
  return putWhole(container, name, conditions, { ...write, content: '' })
}

function putWhole(
  container: string,
  name: string,
  conditions: BlobConditions,
  write: Pick<BlobState, 'metadata' | 'contentType' | 'content' | 'files' | 'fileBytes'>,
): Command<BlobState> {
  return (state, nowMs) => {
    const found = containerNamed(state, container)
    const existing = found.blobs.get(name)
    if (existing !== undefined && conditions.ifNoneMatch === '*') {
      throw new EhubError('blob-exists', `blob ${quoted(name)} of container "${container}" exists already`)
    }
    if (existing === undefined) {
      if (conditions.ifMatch !== undefined) throw conditionFailed(`blob ${quoted(name)}`)
    } else checkConditions(existing, conditions, `blob ${quoted(name)}`)
    return written(state, found, {
      name,
      ...write,
      createdAtMs: existing?.createdAtMs ?? nowMs,
      updatedAtMs: nowMs,
      revision: state.lastRevision + 1,
    })
  }
}

export function setBlobMetadata(
  container: string,
  name: string,
  metadata: BlobMetadata,
  conditions: BlobConditions,
): Command<BlobState> {
  checkMetadata(metadata)
  return (state, nowMs) => {
    const found = containerNamed(state, container)
    const existing = blobNamed(found, name)
    checkConditions(existing, conditions, `blob ${quoted(name)}`)
    return written(state, found, { ...existing, metadata, updatedAtMs: nowMs, revision: state.lastRevision + 1 })
  }
}

export function deleteBlob(container: string, name: string, conditions: BlobConditions): Command<void> {
  return (state) => {
    const found = containerNamed(state, container)
    checkConditions(blobNamed(found, name), conditions, `blob ${quoted(name)}`)
    return { records: [{ kind: 'blob-deleted', container, name }], reply: undefined }
  }
}

export interface CheckpointBlobInput {
  readonly container: string
  readonly hub: string
  readonly group: string
  readonly partition: number
  /** Etag of the blob there must be; null: none; undefined: whatever is there. */
  readonly ifMatch: string | null | undefined
  /** A blob changed before was written for another hub or group of that name: it does not count as being there. */
  readonly sinceMs: number
}

/** Writes a checkpoint as the SDKs do; a new one stands beside the group's others, under the same host. */
export function setCheckpointBlob(
  input: CheckpointBlobInput & { readonly sequence: number; readonly offset: number },
): Command<IndexedBlob> {
  return (state, nowMs) => {
    const { container, hub, group, partition } = input
    const found = containerNamed(state, container)
    const existing = checkpointBlobOf(state, input, 'checkpoint')
    checkCheckpointMatch(input, existing)
    const host = existing?.host ?? siblingHost(state, input)
    const place = { host, hub, group, kind: 'checkpoint', partition } as const
    const name = existing?.blob.name ?? formatCheckpointBlobName(place)
    const { records, reply: blob } = written(state, found, {
      name,
      metadata: withCheckpoint(existing?.blob.metadata ?? {}, input.sequence, input.offset),
      contentType: existing?.blob.contentType ?? null,
      content: existing?.blob.content ?? '',
      files: existing?.blob.files ?? [],
      fileBytes: existing?.blob.fileBytes ?? 0,
      createdAtMs: existing?.blob.createdAtMs ?? nowMs,
      updatedAtMs: nowMs,
      revision: state.lastRevision + 1,
    })
    return { records, reply: { ...place, container, blob } }
  }
}

/** Claims a partition as the SDKs do, with the blob's etag; an empty owner gives it back. */
export function claimOwnershipBlob(input: CheckpointBlobInput & { readonly owner: string }): Command<BlobState> {
  return (state, nowMs) => {
    const { container, hub, group, partition, owner } = input
    const found = containerNamed(state, container)
    const existing = checkpointBlobOf(state, input, 'ownership')
    const counts = existing !== undefined && existing.blob.updatedAtMs >= input.sinceMs
    checkClaim(input, counts ? { etag: blobEtag(existing.blob), owner: ownerOf(existing.blob.metadata) ?? '' } : null)
    const host = existing?.host ?? siblingHost(state, input)
    return written(state, found, {
      name: existing?.blob.name ?? formatCheckpointBlobName({ host, hub, group, kind: 'ownership', partition }),
      metadata: withOwner(existing?.blob.metadata ?? {}, owner),
      contentType: existing?.blob.contentType ?? null,
      content: existing?.blob.content ?? '',
      files: existing?.blob.files ?? [],
      fileBytes: existing?.blob.fileBytes ?? 0,
      createdAtMs: existing?.blob.createdAtMs ?? nowMs,
      updatedAtMs: nowMs,
      revision: state.lastRevision + 1,
    })
  }
}

export function clearCheckpointBlob(input: Omit<CheckpointBlobInput, 'ifMatch' | 'sinceMs'>): Command<void> {
  return (state) => {
    const { container, hub, group, partition } = input
    containerNamed(state, container)
    const name = checkpointBlobOf(state, input, 'checkpoint')?.blob.name
    if (name === undefined) {
      throw new EhubError(
        'checkpoint-not-found',
        `consumer group "${group}" has no checkpoint for partition ${partition} of hub "${hub}" in container "${container}"`,
      )
    }
    return { records: [{ kind: 'blob-deleted', container, name }], reply: undefined }
  }
}

/** As it stands in headers and answers, without quotation marks: the shape clients know. */
export function blobEtag({ revision }: { readonly revision: number }): string {
  return `0x${revision.toString(16).toUpperCase().padStart(15, '0')}`
}

/**
 * Why a call is not carried out; null: it is. What is written before what is read: `failed` is a 412 for everybody, `unmodified`
 * a 304 for a reader and a 412 for a writer. Sources: RFC 9110 §13.2.2, Azure's conditional headers for blobs.
 */
export function conditionFailure(
  { etag, updatedAtMs }: { readonly etag: string; readonly updatedAtMs: number },
  { ifMatch, ifNoneMatch, ifModifiedSinceMs, ifUnmodifiedSinceMs }: BlobConditions,
): 'failed' | 'unmodified' | null {
  const secondsMs = Math.floor(updatedAtMs / 1000) * 1000
  const holds = (list: '*' | readonly string[]) => list === '*' || list.includes(etag)
  if (ifMatch !== undefined && !holds(ifMatch)) return 'failed'
  if (ifMatch === undefined && ifUnmodifiedSinceMs !== undefined && secondsMs > ifUnmodifiedSinceMs) return 'failed'
  if (ifNoneMatch !== undefined && holds(ifNoneMatch)) return 'unmodified'
  if (ifNoneMatch === undefined && ifModifiedSinceMs !== undefined && secondsMs <= ifModifiedSinceMs)
    return 'unmodified'
  return null
}

export function containerNamed(state: BrokerState, name: string): ContainerState {
  const container = state.storage.containers.get(name)
  if (container === undefined) throw new EhubError('container-not-found', `no container ${quoted(name)}`)
  return container
}

export function blobNamed(container: ContainerState, name: string): BlobState {
  const blob = container.blobs.get(name)
  if (blob === undefined) {
    throw new EhubError('blob-not-found', `no blob ${quoted(name)} in container "${container.name}"`)
  }
  return blob
}

/** Written twice under two hosts: the one written last. */
function checkpointBlobOf(
  state: BrokerState,
  { container, hub, group, partition }: Omit<CheckpointBlobInput, 'ifMatch' | 'sinceMs'>,
  kind: CheckpointBlobKind,
): IndexedBlob | undefined {
  let newest: IndexedBlob | undefined
  for (const indexed of blobsOfGroup(state.storage, hub, group)) {
    if (indexed.container !== container || indexed.kind !== kind || indexed.partition !== partition) continue
    if (newest === undefined || indexed.blob.revision > newest.blob.revision) newest = indexed
  }
  return newest
}

function siblingHost(state: BrokerState, { container, hub, group }: CheckpointBlobInput): string {
  for (const indexed of blobsOfGroup(state.storage, hub, group)) {
    if (indexed.container === container) return indexed.host
  }
  return 'localhost'
}

function checkCheckpointMatch(
  { ifMatch, container, sinceMs }: CheckpointBlobInput,
  stored: IndexedBlob | undefined,
): void {
  if (ifMatch === undefined) return
  const etag = stored === undefined || stored.blob.updatedAtMs < sinceMs ? null : blobEtag(stored.blob)
  if (etag === ifMatch) return
  throw new EhubError(
    'checkpoint-conflict',
    etag === null
      ? `there is no checkpoint in container "${container}" to replace`
      : `the checkpoint in container "${container}" has etag ${quoted(etag)}, not ${ifMatch === null ? 'none' : quoted(ifMatch)}`,
    { hint: 'somebody else wrote it: read it again and decide anew' },
  )
}

function written(state: BrokerState, container: ContainerState, blob: BlobState): CommandResult<BlobState> {
  const existing = container.blobs.get(blob.name)
  const growth = blobBytesOf(blob) - (existing === undefined ? 0 : blobBytesOf(existing))
  if (growth > 0 && state.storage.bytes + growth > storageBytesMax) {
    throw new EhubError(
      'quota-exceeded',
      `the blobs kept here have ${grouped(storageBytesMax)} bytes, the most there can be`,
      { hint: 'delete some, or use an account for what is no checkpoint' },
    )
  }
  const { name, metadata, updatedAtMs, revision } = blob
  // Most writes are new metadata of a checkpoint: they need not repeat what stays.
  const isSameContent =
    existing?.content === blob.content && existing.contentType === blob.contentType && isSameFiles(existing, blob)
  const record: StateRecord = isSameContent
    ? { kind: 'blob-metadata-set', container: container.name, name, metadata, updatedAtMs, revision }
    : blobRecord(container.name, blob)
  return { records: [record], reply: blob }
}

function isSameFiles(one: BlobState, other: BlobState): boolean {
  return one.files.length === other.files.length && one.files.every((file, i) => file === other.files[i])
}

function checkConditions(
  stored: { readonly revision: number; readonly updatedAtMs: number },
  conditions: BlobConditions,
  what: string,
): void {
  const { updatedAtMs } = stored
  if (conditionFailure({ etag: blobEtag(stored), updatedAtMs }, conditions) !== null) throw conditionFailed(what)
}

function conditionFailed(what: string): EhubError {
  return new EhubError('blob-condition-failed', `a condition of the request does not hold for ${what}`)
}

// Azure: 3 to 63 characters, lower-case letters, digits and single hyphens between them.
function checkContainerName(name: string): void {
  if (name.length >= 3 && name.length <= 63 && /^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(name)) return
  throw new EhubError('argument-error', `${quoted(name)} cannot be the name of a container`, {
    hint: 'use 3 to 63 lower-case letters and digits, with single "-" between them',
  })
}

function checkBlobName(name: string): void {
  // The name travels in XML, which has no control characters, surrogates on their own, or these two.
  const isName =
    name.length >= 1 && name.length <= blobNameLengthMax && !/[\p{Cc}\p{Surrogate}\ufffe\uffff]/u.test(name)
  if (isName) return
  throw new EhubError('argument-error', `${quoted(name)} cannot be the name of a blob`, {
    hint: `use 1 to ${grouped(blobNameLengthMax)} characters, no control characters`,
  })
}

function checkMetadata(metadata: BlobMetadata): void {
  let bytes = 0
  for (const [key, value] of Object.entries(metadata)) {
    // Azure: names are C# identifiers; so they are also header names and XML element names.
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(key)) {
      throw new EhubError('argument-error', `${quoted(key)} cannot be the name of metadata`)
    }
    bytes += key.length + Buffer.byteLength(value)
  }
  if (bytes <= metadataBytesMax) return
  throw new EhubError('argument-error', `metadata of ${grouped(bytes)} bytes exceeds ${grouped(metadataBytesMax)}`)
}
