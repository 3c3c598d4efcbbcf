// Containers and blobs, for adapters (promises: `blobs-api.ts`). Reads look at what is durable, writes are commands.

import { assert } from '../../base/assert.ts'
import type { BlobMetadata } from '../../wire/checkpoint-blobs.ts'
import * as commands from './blob-commands.ts'
import type { BlobState, ContainerState } from './blob-state.ts'
import type * as api from './blobs-api.ts'
import type { Command } from './commands.ts'
import type { InProgress } from './in-progress.ts'
import type { StateJournal } from './state-journal.ts'

export class StoredBlobs implements api.Blobs {
  readonly #journal: StateJournal
  readonly #inProgress: InProgress

  constructor(journal: StateJournal, inProgress: InProgress) {
    this.#journal = journal
    this.#inProgress = inProgress
  }

  get account(): api.StorageAccount {
    const { account } = this.#journal.state.storage
    assert(account !== null, 'the account is made before anybody is served')
    return account
  }

  listContainers(): readonly api.ContainerDescription[] {
    return [...this.#journal.state.storage.containers.values()]
      .sort((one, other) => (one.name < other.name ? -1 : 1))
      .map(describedContainer)
  }

  container(name: string): api.ContainerDescription {
    return describedContainer(commands.containerNamed(this.#journal.state, name))
  }

  createContainer(name: string, metadata: BlobMetadata): Promise<api.ContainerDescription> {
    return this.#run(commands.createContainer(name, metadata), describedContainer)
  }

  setContainerMetadata(
    name: string,
    metadata: BlobMetadata,
    conditions: api.BlobConditions,
  ): Promise<api.ContainerDescription> {
    return this.#run(commands.setContainerMetadata(name, metadata, conditions), describedContainer)
  }

  deleteContainer(name: string, conditions: api.BlobConditions): Promise<void> {
    return this.#run(commands.deleteContainer(name, conditions), () => undefined)
  }

  blob(container: string, name: string): api.Blob {
    const blob = commands.blobNamed(commands.containerNamed(this.#journal.state, container), name)
    return { ...describedBlob(blob), content: Buffer.from(blob.content, 'base64'), files: blob.files }
  }

  listBlobs(container: string, prefix: string, fromName: string, countMax: number): api.BlobPage {
    const { blobs } = commands.containerNamed(this.#journal.state, container)
    const names = [...blobs.keys()].filter((name) => name.startsWith(prefix) && name >= fromName).sort()
    const page = names.slice(0, countMax).flatMap((name) => {
      const blob = blobs.get(name)
      return blob === undefined ? [] : [describedBlob(blob)]
    })
    return { blobs: page, nextName: names[countMax] ?? null }
  }

  putBlob(
    container: string,
    name: string,
    write: api.BlobWrite,
    conditions: api.BlobConditions,
  ): Promise<api.BlobDescription> {
    return this.#run(commands.putBlob(container, name, write, conditions), describedBlob)
  }

  putBlobFiles(
    container: string,
    name: string,
    write: api.BlobFilesWrite,
    conditions: api.BlobConditions,
  ): Promise<api.BlobDescription> {
    return this.#run(commands.putBlobFiles(container, name, write, conditions), describedBlob)
  }

  files(): ReadonlySet<string> {
    const files = new Set<string>()
    for (const { blobs } of this.#journal.state.storage.containers.values()) {
      for (const blob of blobs.values()) for (const file of blob.files) files.add(file)
    }
    return files
  }

  takeOrphans(): readonly string[] {
    const { storage } = this.#journal.state
    const { orphans } = storage
    storage.orphans = []
    return orphans
  }

  setBlobMetadata(
    container: string,
    name: string,
    metadata: BlobMetadata,
    conditions: api.BlobConditions,
  ): Promise<api.BlobDescription> {
    return this.#run(commands.setBlobMetadata(container, name, metadata, conditions), describedBlob)
  }

  deleteBlob(container: string, name: string, conditions: api.BlobConditions): Promise<void> {
    return this.#run(commands.deleteBlob(container, name, conditions), () => undefined)
  }

  #run<Reply, Answer>(command: Command<Reply>, answer: (reply: Reply) => Answer): Promise<Answer> {
    return this.#inProgress.run(async () => answer(await this.#journal.run(command)))
  }
}

function describedContainer(container: ContainerState): api.ContainerDescription {
  const { name, metadata, updatedAtMs } = container
  return { name, metadata, updatedAtMs, etag: commands.blobEtag(container) }
}

function describedBlob(blob: BlobState): api.BlobDescription {
  const { name, metadata, contentType, content, files, fileBytes, createdAtMs, updatedAtMs } = blob
  const contentBytes = files.length > 0 ? fileBytes : Buffer.byteLength(content, 'base64')
  return { name, metadata, contentType, contentBytes, createdAtMs, updatedAtMs, etag: commands.blobEtag(blob) }
}
