// How the official SDKs keep checkpoints and ownership of partitions in blobs: one empty blob each, everything in its name and
// metadata. The same in every language; the service knows nothing of it.
//
//   <host>/<hub>/<group>/checkpoint/<partition>   sequencenumber, offset [, clientidentifier]
//   <host>/<hub>/<group>/ownership/<partition>    ownerid; empty: given back. The blob's last change is the lease's clock
//
// Host, hub and group are in lower case. Source: the stores' own code (JavaScript 2.0.0, .NET, Python, Go, Rust).

import { isEntityName } from './entity-names.ts'

export type CheckpointBlobKind = 'checkpoint' | 'ownership'

export interface CheckpointBlobName {
  /** Of the namespace as the client called it; some write a port behind it. */
  readonly host: string
  readonly hub: string
  readonly group: string
  readonly kind: CheckpointBlobKind
  readonly partition: number
}

/** What a blob's name says; null when it is the name of something else. */
export function parseCheckpointBlobName(name: string): CheckpointBlobName | null {
  const [host = '', hub = '', group = '', kind = '', partition = '', ...rest] = name.split('/')
  if (rest.length > 0 || host === '' || (kind !== 'checkpoint' && kind !== 'ownership')) return null
  if (!/^(?:0|[1-9][0-9]{0,3})$/.test(partition)) return null
  if (!isEntityName('hub', hub) || !isEntityName('group', group)) return null
  return { host, hub, group, kind, partition: Number(partition) }
}

export function formatCheckpointBlobName({ host, hub, group, kind, partition }: CheckpointBlobName): string {
  return `${host.toLowerCase()}/${hub.toLowerCase()}/${group.toLowerCase()}/${kind}/${partition}`
}

export type BlobMetadata = Readonly<Record<string, string>>

export interface CheckpointMetadata {
  readonly sequence: number
  /** null: not written, or no number of bytes (a geo-replicated namespace's is opaque). */
  readonly offset: number | null
  readonly client: string | null
}

/** A checkpoint from its metadata; null without a sequence number, which some SDKs may leave out. */
export function parseCheckpointMetadata(metadata: BlobMetadata): CheckpointMetadata | null {
  const sequence = integerOf(metadataValue(metadata, 'sequencenumber'))
  if (sequence === null) return null
  const offset = integerOf(metadataValue(metadata, 'offset'))
  return { sequence, offset, client: metadataValue(metadata, 'clientidentifier') }
}

/** The same metadata with another position; what else the client keeps there stays. */
export function withCheckpoint(metadata: BlobMetadata, sequence: number, offset: number): BlobMetadata {
  const others = Object.entries(metadata).filter(([key]) => !/^(sequencenumber|offset)$/i.test(key))
  return Object.fromEntries([...others, ['sequencenumber', String(sequence)], ['offset', String(offset)]])
}

/** The same metadata with another owner; what else the client keeps there stays. */
export function withOwner(metadata: BlobMetadata, owner: string): BlobMetadata {
  const others = Object.entries(metadata).filter(([key]) => !/^ownerid$/i.test(key))
  return Object.fromEntries([...others, ['ownerid', owner]])
}

/** Who owns the partition; empty: nobody any more; null: the metadata does not say. */
export function ownerOf(metadata: BlobMetadata): string | null {
  return metadataValue(metadata, 'ownerid')
}

// Names of metadata are case-insensitive: they travel as headers.
function metadataValue(metadata: BlobMetadata, key: string): string | null {
  for (const [name, value] of Object.entries(metadata)) if (name.toLowerCase() === key) return value
  return null
}

function integerOf(text: string | null): number | null {
  if (text === null || !/^-?\d{1,16}$/.test(text)) return null
  const value = Number(text)
  return Number.isSafeInteger(value) && value >= -1 ? value : null
}

/**
 * The checkpoint of an older library (EventProcessorHost, until 2020): a blob `[prefix/]<group>/<partition>` whose body is a lease in
 * JSON. null when the name or body is something else.
 */
export function parseLeaseBlob(
  name: string,
  body: string,
): (CheckpointMetadata & { readonly partition: number }) | null {
  const [, partition] = /\/(\d{1,4})$/.exec(name) ?? []
  if (partition === undefined) return null
  let lease: unknown
  try {
    lease = JSON.parse(body)
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
  if (typeof lease !== 'object' || lease === null) return null
  const field = (key: string): string | null => {
    const value: unknown = Reflect.get(lease, key)
    return typeof value === 'string' || typeof value === 'number' ? String(value) : null
  }
  const sequence = integerOf(field('SequenceNumber'))
  // A lease without an offset has been taken and never checkpointed.
  if (sequence === null || field('Offset') === null) return null
  return { partition: Number(partition), sequence, offset: integerOf(field('Offset')), client: field('Owner') }
}
