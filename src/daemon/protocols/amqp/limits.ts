// Every bound of the AMQP server, with its reason. What the service announces is announced with the same numbers
// (reference facts: docs/PROTOCOLS.md); the rest keeps memory bounded whatever a peer sends or fails to read.

export interface AmqpLimits {
  /** Largest frame before SASL is over; the mechanisms and tokens of SASL are small. */
  readonly saslFrameBytesMax: number
  /** Announced in `open`, as the service does; frames above it are refused from their header, before buffering. */
  readonly frameBytesMax: number
  /** Frames of ours are no larger, whatever the peer takes: bounds the buffers they are encoded in. */
  readonly sentFrameBytesMax: number
  /** Announced in `open`: highest channel number. */
  readonly channelMax: number
  /** Announced in `begin`: highest link handle of a session. */
  readonly handleMax: number
  /** All links of one connection together; the service has no such text, so it is far above what clients open. */
  readonly linksMax: number
  /** Sessions, and links, of a connection that has shown no token and no key yet: enough to show one. */
  readonly unauthorizedMax: number
  /** Announced in `begin`: transfers the session takes before it says more. */
  readonly incomingWindow: number
  readonly outgoingWindow: number
  /** Credit of a sender link, topped up when half is used. */
  readonly senderCredit: number
  /** Credit for requests to `$cbs` and `$management`, as the service grants it. */
  readonly requestCredit: number
  /** Largest request to `$cbs` or `$management`. */
  readonly requestBytesMax: number
  /** Replies that may wait for the client's credit on one reply link. */
  readonly repliesMax: number
  /** Unsettled runs of deliveries kept for one session before reading pauses. */
  readonly unsettledMax: number
  /** Room above the publication limit for the sections around it, before a multi-frame delivery is refused. */
  readonly publicationMarginBytes: number
  /** Bytes asked of the broker at a time: a kilobyte for each event the client has credit for, within these. */
  readonly readBytesMin: number
  readonly readBytesMax: number
  /** Bytes of events one link may encode before it is the next link's turn. */
  readonly turnBytes: number
  /** Bytes of events one connection may encode before the event loop gets its turn, even when the kernel takes more. */
  readonly burstBytes: number
  /** Output waiting for the peer above which nothing more is read from it. */
  readonly pendingOutputBytesMax: number
  /** Connections that have not finished `open`: one address, and all together. */
  readonly unopenedPerAddressMax: number
  readonly unopenedMax: number
  /** All connections; 5,000 is the Standard tier's quota. */
  readonly connectionsMax: number
  readonly headerMs: number
  /** From accepting the socket to the client's `open`. */
  readonly openMs: number
  /** TLS handshake. */
  readonly handshakeMs: number
  /** How long a closing connection waits for the peer before the socket is cut. */
  readonly closeMs: number
  /** Announced in `open`; twice that without a byte ends the connection. */
  readonly idleTimeoutMs: number
  /** Smallest idle timeout of a peer that we keep up with. */
  readonly peerIdleTimeoutMsMin: number
  /** Without any link since `open`; null: never. */
  readonly noLinkMs: number | null
  /** Without any link after there were some; null: never. */
  readonly linksGoneMs: number | null
  /** A link without transfers; the service has 30 minutes, here it is off unless asked for. */
  readonly linkIdleMs: number | null
}

export const defaultLimits: AmqpLimits = {
  saslFrameBytesMax: 4096,
  frameBytesMax: 65536,
  sentFrameBytesMax: 65536,
  channelMax: 4999,
  handleMax: 255,
  linksMax: 5000,
  unauthorizedMax: 32,
  incomingWindow: 5000,
  outgoingWindow: 5000,
  senderCredit: 1000,
  requestCredit: 100,
  requestBytesMax: 256 * 1024,
  repliesMax: 256,
  unsettledMax: 20_000,
  publicationMarginBytes: 64 * 1024,
  readBytesMin: 64 * 1024,
  readBytesMax: 1024 * 1024,
  turnBytes: 64 * 1024,
  burstBytes: 8 * 1024 * 1024,
  pendingOutputBytesMax: 1024 * 1024,
  unopenedPerAddressMax: 512,
  unopenedMax: 2048,
  connectionsMax: 5000,
  headerMs: 5000,
  openMs: 20_000,
  handshakeMs: 10_000,
  closeMs: 2000,
  idleTimeoutMs: 240_000,
  peerIdleTimeoutMsMin: 500,
  noLinkMs: 60_000,
  linksGoneMs: 300_000,
  linkIdleMs: null,
}
