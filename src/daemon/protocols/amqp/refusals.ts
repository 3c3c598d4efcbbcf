// How an error is told to an AMQP peer: the condition of `wire/errors.ts`, the sentence the service uses for it, and the
// service's trailer, which people paste into bug reports and log filters look for (reference facts: docs/PROTOCOLS.md):
//
//   <sentence>. TrackingId:<uuid>_B2, SystemTracker:<ns>:eventhub:<hub>~<range>|<group>, Timestamp:2022-12-16T08:34:39
//   <sentence>. TrackingId:<container id>_G1, SystemTracker:gateway1, Timestamp:…
//
// SDKs recognise some sentences by their text, so those stand here word for word. Where the service has no sentence of its
// own, or the broker's carries more (names, numbers), the broker's is used.

import type { Clock } from '../../../base/clock.ts'
import type { EhubError, EhubErrorCode } from '../../../base/error.ts'
import { type Random, uuid } from '../../../base/random.ts'
import { conditions } from '../../../wire/amqp/names.ts'
import { projectError } from '../../../wire/errors.ts'
import type { Right } from '../../broker/broker-api.ts'

export interface Refusal {
  /** A symbol. */
  readonly condition: string
  readonly description: string
}

/** What was asked for when the error came up; decides the names in the sentence. */
export interface Place {
  readonly hub?: string
  /** As the client wrote it. */
  readonly partition?: string
  readonly group?: string
  /** The right the operation needs. */
  readonly right?: Right
}

// Names in it come from clients, and the frame has to fit the smallest peers.
const sentenceLengthMax = 1000

const claimOf = { send: 'Send', listen: 'Listen', manage: 'Manage' } as const satisfies Record<Right, string>

/** Makes the refusals of one connection. */
export class Refusals {
  readonly #clock: Clock
  readonly #random: Random
  /** 32 hex characters: the first part of our container id. */
  readonly #container: string
  readonly #partitionCountOf: (hub: string) => number | null
  /** Host the client asked for in `open`, or the namespace. */
  host = 'localhost'
  namespace = 'local'

  readonly #onRefused: (code: EhubErrorCode) => void

  /**
   * @param partitionCountOf Null for a hub that is not there; asked only about entities the client may know of.
   * @param onRefused Told of every refusal.
   */
  constructor(
    clock: Clock,
    random: Random,
    container: string,
    partitionCountOf: (hub: string) => number | null,
    onRefused: (code: EhubErrorCode) => void,
  ) {
    this.#onRefused = onRefused
    this.#clock = clock
    this.#random = random
    this.#container = container
    this.#partitionCountOf = partitionCountOf
  }

  /** @param scope What ends: a connection's end is forced, a link is detached by force. */
  of(error: EhubError, place: Place = {}, scope: 'connection' | 'link' = 'connection'): Refusal {
    this.#onRefused(error.code)
    const projected = projectError(error.code).amqp
    const condition =
      scope === 'link' && projected === conditions.connectionForced ? conditions.detachForced : projected
    const sentence = printable(this.#sentence(error, place)).slice(0, sentenceLengthMax)
    const trailer = place.hub === undefined || error.code === 'unauthorized' ? this.gateway() : this.#broker(place)
    return { condition, description: `${sentence.replace(/[.\s]+$/, '')}. ${trailer}` }
  }

  /** Trailer of an answer that comes from the front door rather than from an entity. */
  gateway(): string {
    return `TrackingId:${this.#container}_G1, SystemTracker:gateway1, Timestamp:${this.#timestamp()}`
  }

  #broker(place: Place): string {
    const group = place.group === undefined ? '' : `|${place.group.toLowerCase()}`
    const entity = printable(`${this.#entity(place)}${group}`)
    return `TrackingId:${uuid(this.#random)}_B1, SystemTracker:${entity}, Timestamp:${this.#timestamp()}`
  }

  /** The service's internal name of a partition. */
  #entity({ hub = '', partition }: Place): string {
    const range = rangeOf(Number(partition ?? -1), this.#partitionCountOf(hub))
    return `${this.namespace}:eventhub:${hub.toLowerCase()}~${range}`
  }

  /** ISO 8601 in UTC without zone, in whole seconds. */
  #timestamp(): string {
    return new Date(this.#clock.now()).toISOString().slice(0, 19)
  }

  #sentence(error: EhubError, place: Place): string {
    const { hub = '', group = '' } = place
    switch (error.code) {
      case 'hub-not-found':
      case 'namespace-not-found':
        return notFound(`sb://${this.host}/${hub.toLowerCase()}`)
      case 'group-not-found':
        return notFound(`${this.#entity(place)}|${group.toLowerCase()}`)
      case 'partition-not-found': {
        const sentence = 'The specified partition is invalid for an EventHub partition sender or receiver.'
        const count = this.#partitionCountOf(hub)
        return count === null ? sentence : `${sentence} It should be between 0 and ${count - 1}.`
      }
      case 'unauthorized':
        if (place.right === undefined) return error.message
        return `Unauthorized access. '${claimOf[place.right]}' claim(s) are required to perform this operation. Resource: '${this.#resource(place)}'`
      case 'token-invalid':
        return `InvalidSignature: The token has an invalid signature. ${error.message}`
      case 'token-expired':
        return `ExpiredToken: The token is expired. ${error.message}`
      case 'server-busy':
        return (
          'The request was terminated because the entity is being throttled. Error code : 50002. Please wait 4 seconds and ' +
          'try again. To know more visit https://aka.ms/sbResourceMgrExceptions'
        )
      // What failed inside is for the operator's log: it may name files.
      case 'storage-corrupt':
        return `Part of the stored events is damaged and cannot be delivered. ${error.hint ?? 'The log of the daemon names the range.'}`
      case 'internal-error':
      case 'storage-failed':
      case 'storage-closed':
      case 'disk-full':
        return 'The service was unable to process the request; please retry the operation'
      default:
        return error.message
    }
  }

  #resource({ hub = '', group, partition }: Place): string {
    const parts = [`sb://${this.host}/${hub}`]
    if (group !== undefined) parts.push('consumergroups', group)
    if (partition !== undefined) parts.push('partitions', partition)
    return parts.join('/').toLowerCase()
  }
}

/** SDKs look for `The messaging entity '…' could not be found` to tell a missing entity from a passing trouble. */
function notFound(entity: string): string {
  return `The messaging entity '${entity}' could not be found. To know more visit https://aka.ms/sbResourceMgrExceptions`
}

/** Upper end of the partition's slice of 0..32767, as the service numbers them; of the whole when no partition is known. */
function rangeOf(partition: number, count: number | null): number {
  if (count === null || !Number.isInteger(partition) || partition < 0 || partition >= count - 1) return 32766
  return Math.floor((32768 * (partition + 1)) / count) - 1
}

// Names come from clients: what would start a new line or change the direction of writing in a log is shown as `?`.
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu, '?')
}

/** The service's sentence for a publication above the limit, with its numbers. */
export function messageTooLargeText(deliveryId: number, bytes: number, bytesMax: number): string {
  return (
    `The received message (delivery-id:${deliveryId}, size:${bytes} bytes) exceeds the limit (${bytesMax} bytes) ` +
    'currently allowed on the link.'
  )
}
