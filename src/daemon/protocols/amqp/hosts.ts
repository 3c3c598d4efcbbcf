// What a link knows of its session and a session of its connection. The classes behind these are above their users, so that
// no file imports upwards.

import type { EhubError } from '../../../base/error.ts'
import type { Log } from '../../../base/log.ts'
import type { PerformativeInput } from '../../../wire/amqp/performatives.ts'
import type { ServerContext } from './context.ts'
import type { Feeder } from './feeders.ts'
import type { Link } from './link.ts'
import type { Output } from './output.ts'
import type { Peer } from './peer.ts'
import type { Place, Refusal, Refusals } from './refusals.ts'
import type { Settlement } from './settlement.ts'

/** The connection, for its sessions and links. */
export interface ConnectionHost {
  readonly context: ServerContext
  readonly output: Output
  readonly refusals: Refusals
  readonly log: Log
  readonly remoteAddress: string
  /** Largest frame we may send: what the peer announced, within what the output takes at a time. */
  readonly frameBytesMax: number
  /** Only once opened. */
  readonly peer: Peer
  readonly linkCount: number
  readonly sessions: Iterable<LinkHost>
  /** Encodes a frame; it leaves at the end of the turn. */
  send(channel: number, performative: PerformativeInput): void
  /** A turn soon, once however often this is called. For callbacks of the broker, in which nothing is worked off. */
  wake(): void
  /** Has `writeDue` called at the end of the turn. */
  due(session: { writeDue(): void }): void
  /** The link may have something to send, in this turn or when the peer reads again. Not while it is waiting already. */
  feed(link: Feeder): void
  /** Nothing is read from the peer while anybody is stalled: what comes next has no room. */
  stall(who: object, isStalled: boolean): void
  linkOpened(): void
  linkClosed(): void
  /** Runs what the broker or a timer started, then a turn soon; an error ends the connection. */
  guarded(run: () => void): void
}

/** The session, for its links. */
export interface LinkHost {
  readonly connection: ConnectionHost
  readonly channel: number
  /** Frames of transfers the peer takes at present. */
  readonly remoteIncomingWindow: number
  readonly settlement: Settlement
  /** Attached ones. */
  readonly links: readonly Link[]
  /** Detaches with an error; the link is disposed of. Nothing when it is gone already. */
  detach(link: Link, refusal: Refusal): void
  /** The same for an error of the broker. */
  detachFor(link: Link, error: EhubError, place: Place): void
  /** Has `link.writeDue` called at the end of the turn. */
  linkDue(link: Link): void
  takeDeliveryId(): number
  /** A transfer frame of ours was written. */
  transferSent(): void
  /** @param linkCredit What is left, of either direction. */
  writeLinkFlow(handle: number, deliveryCount: number, linkCredit: number, drain: boolean): void
}
