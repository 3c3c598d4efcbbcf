// What an attach leads to: which node its address names, the link for it, or a refusal. A refusal is what the service does:
// an attach whose source and target are null, then a closing detach that says why; SDKs look at the null and then wait for
// the detach. An answer always carries all fields, the client's own terminus and properties among them.

import { EhubError, isEhubError } from '../../../base/error.ts'
import { capabilities } from '../../../wire/amqp/names.ts'
import type { Attach } from '../../../wire/amqp/performatives.ts'
import { type Address, parseAddress } from './addresses.ts'
import { EgressLink } from './egress-link.ts'
import { IngressLink } from './ingress-link.ts'
import type { Link } from './link.ts'
import { nodeOf, ReplyLink, RequestLink } from './request-links.ts'
import type { Place } from './refusals.ts'
import type { LinkHost } from './hosts.ts'

/** snd-settle-mode settled, rcv-settle-mode first. */
const settleModes = { settled: 1, first: 0 } as const
/** A receiver's link takes no messages; the number stands there because some look at it. */
const receiverMessageBytesMax = 1024 * 1024

/** Answers the attach. @returns The link, null when it was refused. */
export function attachLink(session: LinkHost, attach: Attach): Link | null {
  const address = parseAddress(addressOf(attach))
  const place = placeOf(address, attach)
  let accepted: Accepted
  try {
    checkRoom(session)
    accepted = attach.role === 'sender' ? openIngress(session, attach, address) : openEgress(session, attach, address)
  } catch (error) {
    if (!isEhubError(error)) throw error
    session.connection.log.info('attach refused', {
      code: error.code,
      reason: error.message,
      address: addressOf(attach),
    })
    refuse(session, attach, error, place)
    return null
  }
  try {
    answer(session, attach, accepted)
  } catch (error) {
    accepted.link.dispose()
    throw error
  }
  return accepted.link
}

/** A link and what its answer says beside what was asked. */
interface Accepted {
  readonly link: Link
  readonly messageBytesMax: number
  readonly sndSettleMode: number
  readonly rcvSettleMode: number
}

/** The client's terminus that names a node of ours. */
function addressOf({ role, source, target }: Attach): string {
  return (role === 'sender' ? target?.address : source?.address) ?? ''
}

function checkRoom({ connection }: LinkHost): void {
  const { linksMax } = connection.peer
  if (connection.linkCount > linksMax) {
    throw new EhubError('quota-exceeded', `The connection has ${linksMax} links, which is the limit at present.`)
  }
}

/** The client sends. */
function openIngress(session: LinkHost, attach: Attach, address: Address): Accepted {
  const { connection } = session
  const { broker, limits } = connection.context
  const { sndSettleMode, rcvSettleMode } = attach
  const node = nodeOf(address)
  if (node !== null) {
    node.check(session)
    const link = new RequestLink(session, attach, node)
    return { link, messageBytesMax: limits.requestBytesMax, sndSettleMode, rcvSettleMode }
  }
  switch (address.kind) {
    case 'hub':
    case 'partition': {
      if (attach.desiredCapabilities?.includes(capabilities.idempotentProducer) === true) {
        throw new EhubError('not-supported', 'Idempotent publishing is not supported.')
      }
      const partition = address.kind === 'partition' ? address.partition : null
      const publisher = broker.openPublisher(connection.peer.caller, address.hub, partition)
      const messageBytesMax = smallerLimit(attach.maxMessageSize, publisher.publicationBytesMax)
      const place = placeOf(address, attach)
      const link = new IngressLink(session, attach, { publisher, messageBytesMax, place })
      return { link, messageBytesMax, sndSettleMode, rcvSettleMode }
    }
    case 'publisher':
      throw new EhubError('not-supported', `Publisher policies ('${address.hub}/Publishers/…') are not supported.`)
    default:
      throw noSuchNode(attach, 'A sender attaches to <hub> or <hub>/Partitions/<id>.')
  }
}

/** The client receives. What was refused or displaced by it is decided before it is answered. */
function openEgress(session: LinkHost, attach: Attach, address: Address): Accepted {
  const node = nodeOf(address)
  if (node !== null) {
    node.check(session)
    const { sndSettleMode, rcvSettleMode } = attach
    const link = new ReplyLink(session, attach, node)
    return { link, messageBytesMax: receiverMessageBytesMax, sndSettleMode, rcvSettleMode }
  }
  if (address.kind !== 'consumer') {
    throw noSuchNode(attach, 'A receiver attaches to <hub>/ConsumerGroups/<group>/Partitions/<id>.')
  }
  const link = new EgressLink(session, attach, address, placeOf(address, attach))
  // Events are settled when sent, whatever was asked for; clients adopt what the answer says.
  const messageBytesMax = receiverMessageBytesMax
  return { link, messageBytesMax, sndSettleMode: settleModes.settled, rcvSettleMode: settleModes.first }
}

function noSuchNode(attach: Attach, hint: string): EhubError {
  const text = addressOf(attach)
  return new EhubError('not-allowed', `The address '${text}' is nothing a ${attach.role} can attach to. ${hint}`)
}

/** The smaller of the client's own limit, when it has one, and the tier's: clients size their batches by it. */
function smallerLimit(asked: bigint | null, limit: number): number {
  return asked !== null && asked > 0n && asked < BigInt(limit) ? Number(asked) : limit
}

function answer(session: LinkHost, attach: Attach, accepted: Accepted): void {
  const isSender = attach.role === 'receiver'
  session.connection.send(session.channel, {
    kind: 'attach',
    name: attach.name,
    handle: attach.handle,
    role: isSender ? 'sender' : 'receiver',
    sndSettleMode: accepted.sndSettleMode,
    rcvSettleMode: accepted.rcvSettleMode,
    // A null terminus would mean a refusal.
    source: attach.source ?? emptyTerminus,
    target: attach.target ?? emptyTerminus,
    initialDeliveryCount: isSender ? 0 : null,
    maxMessageSize: BigInt(accepted.messageBytesMax),
    properties: attach.properties,
  })
}

const emptyTerminus: { readonly durable: number } = { durable: 0 }

function refuse(session: LinkHost, attach: Attach, error: EhubError, place: Place): void {
  const { connection, channel } = session
  const isSender = attach.role === 'receiver'
  connection.send(channel, {
    kind: 'attach',
    name: attach.name,
    handle: attach.handle,
    role: isSender ? 'sender' : 'receiver',
    source: null,
    target: null,
    initialDeliveryCount: isSender ? 0 : null,
  })
  const refusal = connection.refusals.of(error, place, 'link')
  connection.send(channel, { kind: 'detach', handle: attach.handle, closed: true, error: refusal })
}

/** What is known of the entity asked for, for the words of a refusal. */
function placeOf(address: Address, attach: Attach): Place {
  const right = attach.role === 'sender' ? 'send' : 'listen'
  switch (address.kind) {
    case 'hub':
    case 'publisher':
      return { hub: address.hub, right }
    case 'partition':
      return { hub: address.hub, partition: address.partition, right }
    case 'consumer':
      return { hub: address.hub, group: address.group, partition: address.partition, right }
    case 'management':
      return address.hub === null ? {} : { hub: address.hub, right: 'listen' }
    default:
      return {}
  }
}
