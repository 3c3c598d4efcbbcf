// What the protocols know of the small blobs the broker keeps, so that processors which store their checkpoints in an account
// need no other emulator. Containers of blobs with metadata, kept whole in `$state`: small things only, all bounded.
//
// Blobs named as the SDKs name checkpoints and ownership of partitions are those: `Broker.checkpoints` and `Broker.owners` show
// them, and `Broker.setCheckpoint` writes to them.

import type { BlobMetadata } from '../../wire/checkpoint-blobs.ts'

/** The one account; its key is made at the first start. */
export interface StorageAccount {
  readonly name: string
  /** Base64 of 64 bytes. */
  readonly key: string
}

export interface ContainerDescription {
  readonly name: string
  readonly metadata: BlobMetadata
  readonly updatedAtMs: number
  readonly etag: string
}

export interface BlobDescription {
  readonly name: string
  readonly metadata: BlobMetadata
  readonly contentType: string | null
  readonly contentBytes: number
  readonly createdAtMs: number
  readonly updatedAtMs: number
  /** Without quotation marks; changes with every write and never comes back. */
  readonly etag: string
}

export interface Blob extends BlobDescription {
  /** Empty when it lies in files. */
  readonly content: Buffer
  /** Names of the files of `BlobFiles` its content is in, one behind the other. */
  readonly files: readonly string[]
}

/** What must hold for a call to be carried out; etags without quotation marks. Source: RFC 9110 §13. */
export interface BlobConditions {
  readonly ifMatch?: '*' | readonly string[]
  readonly ifNoneMatch?: '*' | readonly string[]
  /** Whole seconds, as the header carries them. */
  readonly ifModifiedSinceMs?: number
  readonly ifUnmodifiedSinceMs?: number
}

export interface BlobWrite {
  readonly metadata: BlobMetadata
  readonly contentType: string | null
  readonly content: Buffer
}

export interface BlobFilesWrite {
  readonly metadata: BlobMetadata
  readonly contentType: string | null
  /** Durable already. */
  readonly files: readonly string[]
  readonly fileBytes: number
}

export interface BlobPage {
  readonly blobs: readonly BlobDescription[]
  /** Ask again from this name on; null: there are no more. */
  readonly nextName: string | null
}

/**
 * Every method needs no caller: who reaches it has proved to know the account's key.
 * @throws EhubError `container-not-found`, `blob-not-found`, `blob-condition-failed`, `argument-error`, `quota-exceeded`.
 */
export interface Blobs {
  readonly account: StorageAccount
  /** In order of name. */
  listContainers(): readonly ContainerDescription[]
  container(name: string): ContainerDescription
  /** @throws EhubError `container-exists`. */
  createContainer(name: string, metadata: BlobMetadata): Promise<ContainerDescription>
  setContainerMetadata(name: string, metadata: BlobMetadata, conditions: BlobConditions): Promise<ContainerDescription>
  deleteContainer(name: string, conditions: BlobConditions): Promise<void>

  /** Without its conditions being looked at: a reader decides between "failed" and "not modified" with `conditionFailure`. */
  blob(container: string, name: string): Blob
  /** In order of name (code units), of those that begin with `prefix`, from `fromName` on. */
  listBlobs(container: string, prefix: string, fromName: string, countMax: number): BlobPage
  /** Makes or replaces. @throws EhubError `blob-exists` when `ifNoneMatch` is `*`. */
  putBlob(container: string, name: string, write: BlobWrite, conditions: BlobConditions): Promise<BlobDescription>
  /** As `putBlob` for content that lies in files. */
  putBlobFiles(
    container: string,
    name: string,
    write: BlobFilesWrite,
    conditions: BlobConditions,
  ): Promise<BlobDescription>
  /** Every file some blob has. */
  files(): ReadonlySet<string>
  /** Files no blob has any more; each is told once. */
  takeOrphans(): readonly string[]
  setBlobMetadata(
    container: string,
    name: string,
    metadata: BlobMetadata,
    conditions: BlobConditions,
  ): Promise<BlobDescription>
  deleteBlob(container: string, name: string, conditions: BlobConditions): Promise<void>
}
