// Checkpoints and owners that processors keep in a container of blobs, read as one view: for each hub and group what its
// partitions have. Both forms are known: blobs of today's SDKs (everything in name and metadata), and leases of the library
// before them (a JSON body), which are only looked for where there is nothing newer.

import { isEhubError } from '../base/error.ts'
import type { BlobEntry } from '../wire/blob/listing.ts'
import {
  formatCheckpointBlobName,
  ownerOf,
  parseCheckpointBlobName,
  parseCheckpointMetadata,
  parseLeaseBlob,
  withCheckpoint,
} from '../wire/checkpoint-blobs.ts'
import { entityKey } from '../wire/entity-names.ts'
import type { BlobContainer } from './blob-container.ts'

export interface StoredCheckpoint {
  readonly sequence: number
  readonly offset: number | null
  readonly updatedAtMs: number | null
  readonly owner: string | null
  /** null: not one we can write back, a lease. */
  readonly blob: BlobEntry | null
}

export interface StoredGroup {
  readonly hub: string
  readonly group: string
  readonly checkpoints: ReadonlyMap<number, StoredCheckpoint>
  /** Who claims what; those given back are left out. */
  readonly owners: ReadonlyMap<number, string>
}

/** A lease is a body to be read: bounds what one look may ask for. */
const leasesMax = 1000

export class BlobCheckpoints {
  readonly #container: BlobContainer
  readonly #host: string

  /** @param host Of the namespace; in a container of several namespaces only its blobs count. */
  constructor(container: BlobContainer, host: string) {
    this.#container = container
    this.#host = host.toLowerCase()
  }

  get label(): string {
    return this.#container.label
  }

  /**
   * What the container knows of these hubs, or of every hub.
   * A container that is not there yet has nothing: the first processor makes it.
   * @param hubs null: every one. @throws EhubError when it cannot be read.
   */
  async read(hubs: readonly string[] | null): Promise<readonly StoredGroup[]> {
    try {
      const blobs = await this.#blobs()
      const groups = groupsOf(blobs)
      const wanted = hubs === null ? groups : groups.filter(({ hub }) => hubs.some((name) => isSame(name, hub)))
      const [only] = hubs ?? []
      if (wanted.length > 0 || hubs?.length !== 1 || only === undefined) return wanted
      return await this.#leases(only, blobs)
    } catch (error) {
      if (isEhubError(error) && error.code === 'container-not-found') return []
      throw error
    }
  }

  /**
   * Sets a checkpoint as the SDKs do, unless somebody else did since `known` was read.
   * @throws EhubError `checkpoint-conflict`.
   */
  async write(
    { hub, group, partition }: { readonly hub: string; readonly group: string; readonly partition: number },
    known: BlobEntry | null,
    position: { readonly sequence: number; readonly offset: number },
  ): Promise<void> {
    const name = formatCheckpointBlobName({ host: this.#host, hub, group, kind: 'checkpoint', partition })
    const metadata = withCheckpoint(known?.metadata ?? {}, position.sequence, position.offset)
    await this.#container.setMetadata(known?.name ?? name, metadata, known?.etag ?? null)
  }

  /** Of this host; all of them when it has none, as under another name of the same one. */
  async #blobs(): Promise<readonly BlobEntry[]> {
    const own = await this.#container.list(`${this.#host}/`)
    return own.length > 0 ? own : this.#container.list('')
  }

  async #leases(hub: string, blobs: readonly BlobEntry[]): Promise<readonly StoredGroup[]> {
    const groups = new Map<string, { checkpoints: Map<number, StoredCheckpoint>; owners: Map<number, string> }>()
    for (const { name, updatedAtMs } of blobs.slice(0, leasesMax)) {
      const [, group] = /(?:^|\/)([^/]+)\/\d{1,4}$/.exec(name) ?? []
      if (group === undefined || parseCheckpointBlobName(name) !== null) continue
      const lease = parseLeaseBlob(name, await this.#container.read(name))
      if (lease === null) continue
      const known = groups.get(group) ?? { checkpoints: new Map(), owners: new Map() }
      groups.set(group, known)
      const { partition, sequence, offset, client } = lease
      known.checkpoints.set(partition, { sequence, offset, updatedAtMs, owner: client, blob: null })
      if (client !== null && client !== '') known.owners.set(partition, client)
    }
    return Array.from(groups, ([group, rows]) => ({ hub, group, ...rows }))
  }
}

const isSame = (one: string, other: string): boolean => entityKey(one) === entityKey(other)

function groupsOf(blobs: readonly BlobEntry[]): readonly StoredGroup[] {
  const groups = new Map<
    string,
    { hub: string; group: string; checkpoints: Map<number, StoredCheckpoint>; owners: Map<number, string> }
  >()
  // The one written last is looked at last, so that it stays.
  const inOrder = blobs.toSorted((one, other) => (one.updatedAtMs ?? 0) - (other.updatedAtMs ?? 0))
  for (const blob of inOrder) {
    const place = parseCheckpointBlobName(blob.name)
    if (place === null) continue
    const { hub, group, kind, partition } = place
    const key = `${entityKey(hub)}\n${entityKey(group)}`
    const known = groups.get(key) ?? { hub, group, checkpoints: new Map(), owners: new Map() }
    groups.set(key, known)
    if (kind === 'ownership') {
      const owner = ownerOf(blob.metadata) ?? ''
      if (owner === '') known.owners.delete(partition)
      else known.owners.set(partition, owner)
      continue
    }
    const position = parseCheckpointMetadata(blob.metadata)
    if (position === null) continue
    const { sequence, offset, client } = position
    known.checkpoints.set(partition, { sequence, offset, updatedAtMs: blob.updatedAtMs, owner: client, blob })
  }
  return [...groups.values()]
}
