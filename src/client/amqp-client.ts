// One AMQP connection as a client: the only home of rhea. Sends messages that are already encoded, hands over the exact
// bytes of those received, and speaks to the request nodes `$cbs` and `$management`. It does not reconnect, choose
// partitions or keep tokens fresh: `hub-client.ts` does.
//
// rhea keeps a ring of 2,048 deliveries a session and stops every link of a session behind one without credit, so each
// link gets a session of its own. Reconnecting by rhea is off: it would resend what we count as lost.

import type { Duplex } from 'node:stream'
import type { Connection, EventContext, Message, Receiver, Sender, Session } from 'rhea'
import type { Clock } from '../base/clock.ts'
import { EhubError } from '../base/error.ts'
import { linkProperties, selectorFilterKey } from '../wire/amqp/names.ts'
import { DetachNotice, faultOf, rejection } from './amqp-detach.ts'
import { DeliveryReader } from './amqp-delivery-reader.ts'
import { AmqpRequestNode, type RequestReply } from './amqp-request.ts'
import { FrameTap } from './frame-tap.ts'
import { SocketShim } from './socket-shim.ts'

export interface AmqpClientOptions {
  readonly clock: Clock
  /** Host the peer routes by. */
  readonly hostname: string
  readonly containerId: string
  readonly version: string
  /** Longest wait for open, attach and replies. */
  readonly timeoutMs: number
}

export interface SenderLink {
  /** Largest message the peer takes, in bytes. */
  readonly messageBytesMax: number
  /** Hands over a message; `onSettled` is called once, with null when it was accepted. Never throws for the peer's sake. */
  send(message: Buffer, format: number, onSettled: (error: EhubError | null) => void): void
  /** Called once when the link is gone for any reason but `close`; unsettled messages are settled with the error first. */
  onDetached(run: (error: EhubError) => void): void
  close(): void
}

export interface ReceiverLinkOptions {
  readonly address: string
  /** Selector text of the position filter. */
  readonly selector: string
  readonly ownerLevel: number | null
  readonly name: string
  readonly onMessage: (buffer: Buffer, start: number, end: number) => void
  readonly onReadEnd: () => void
}

export interface ReceiverLink {
  /** Messages granted and not received yet. */
  readonly credit: number
  addCredit(count: number): void
  onDetached(run: (error: EhubError) => void): void
  close(): void
}

const frameBytesMax = 65_536
const idleTimeoutMs = 60_000
const closeTimeoutMs = 2000
// Selector filter of Apache's registry; a number for rhea, which has no bigint.
const selectorDescriptor = 0x468c00000004

type Rhea = typeof import('rhea')
type Unsettled = Map<unknown, (error: EhubError | null) => void>

export class AmqpClient {
  readonly #options: AmqpClientOptions
  readonly #rhea: Rhea
  readonly #connection: Connection
  readonly #shim: SocketShim
  readonly #tap: FrameTap
  readonly #nodes = new Map<string, Promise<AmqpRequestNode>>()
  readonly #lostWaiters = new Set<(error: EhubError) => void>()
  #lost: EhubError | null = null
  #linkCount = 0

  private constructor(rhea: Rhea, connection: Connection, shim: SocketShim, tap: FrameTap, options: AmqpClientOptions) {
    this.#rhea = rhea
    this.#connection = connection
    this.#shim = shim
    this.#tap = tap
    this.#options = options
  }

  /**
   * Opens AMQP over a stream that is connected, which this client owns from now on.
   * @throws EhubError `timeout`, `connect-failed`, or what the peer answered.
   */
  static async open(stream: Duplex, options: AmqpClientOptions): Promise<AmqpClient> {
    const { default: rhea } = await import('rhea')
    const shim = new SocketShim(stream)
    const tap = new FrameTap(frameBytesMax, (frame) => shim.passToRhea(frame))
    const container = rhea.create_container({ id: options.containerId })
    const connection = container.create_connection({
      host: options.hostname,
      port: 0,
      hostname: options.hostname,
      // A name without a password is SASL ANONYMOUS; rights come with tokens.
      username: 'ehub',
      sasl_init_hostname: options.hostname,
      max_frame_size: frameBytesMax,
      idle_time_out: idleTimeoutMs,
      reconnect: false,
      properties: { product: 'ehub', version: options.version, platform: `Node ${process.version}` },
      connection_details: () => ({ connect: shim.connect, host: options.hostname, port: 0 }),
    } as unknown as Parameters<typeof container.create_connection>[0])
    const client = new AmqpClient(rhea, connection, shim, tap, options)
    await client.#start(stream)
    return client
  }

  /** Calls `run` when the connection is lost or closed by the peer; at once when it is already. */
  onLost(run: (error: EhubError) => void): void {
    if (this.#lost !== null) run(this.#lost)
    else this.#lostWaiters.add(run)
  }

  /** Stops reading from the peer; its frames wait in the network. */
  pause(): void {
    this.#shim.pause()
  }

  resume(): void {
    this.#shim.resume()
  }

  /** A sender to `hub` or `hub/Partitions/n`. @throws EhubError what the peer refused it with. */
  async openSender(address: string): Promise<SenderLink> {
    const session = this.#openSession()
    const name = this.#linkName(address)
    const sender = session.open_sender({
      name,
      target: { address },
      source: { address: name },
      autosettle: true,
      snd_settle_mode: 2,
      rcv_settle_mode: 0,
    })
    const unsettled: Unsettled = new Map()
    const settle = (context: EventContext, error: EhubError | null) => {
      const { delivery } = context
      const onSettled = unsettled.get(delivery)
      unsettled.delete(delivery)
      onSettled?.(error)
    }
    const detached = new DetachNotice(this, sender, 'sender', session, address, (error) => {
      const waiting = [...unsettled.values()]
      unsettled.clear()
      for (const onSettled of waiting) onSettled(error)
    })
    sender.on('accepted', (context) => settle(context, null))
    sender.on('rejected', (context) => settle(context, rejection(context, address)))
    sender.on('released', (context) => settle(context, new EhubError('server-busy', `${address} gave the events back`)))
    await this.#attached(detached, sender, 'sender_open', () => isThere(sender.target))
    return {
      messageBytesMax: sender.max_message_size > 0 ? Number(sender.max_message_size) : 1_048_576,
      send: (message, format, onSettled) => {
        if (detached.error !== null) onSettled(detached.error)
        else unsettled.set(sender.send(message, undefined, format), onSettled)
      },
      onDetached: (run) => detached.add(run),
      close: () => detached.close(),
    }
  }

  /** A receiver; grants no credit by itself. @throws EhubError what the peer refused it with. */
  async openReceiver(options: ReceiverLinkOptions): Promise<ReceiverLink> {
    const session = this.#openSession()
    const { types } = this.#rhea
    const receiver = session.open_receiver({
      name: this.#linkName(options.name),
      source: {
        address: options.address,
        filter: { [selectorFilterKey]: types.wrap_described(options.selector, selectorDescriptor) },
      },
      target: { address: options.name },
      snd_settle_mode: 1,
      rcv_settle_mode: 0,
      autoaccept: false,
      credit_window: 0,
      properties: {
        [linkProperties.receiverName]: types.wrap_string(options.name),
        ...(options.ownerLevel === null ? {} : { [linkProperties.epoch]: types.wrap_long(options.ownerLevel) }),
      },
    })
    const detached = new DetachNotice(this, receiver, 'receiver', session, options.address, () => undefined)
    await this.#attached(detached, receiver, 'receiver_open', () => isThere(receiver.source))
    const { local, remote } = sessionState(session)
    const reader = new DeliveryReader({
      localChannel: local.channel,
      localHandle: linkState(receiver).local.handle,
      nextIncomingId: remote.begin.next_outgoing_id,
      deliveryCount: linkState(receiver).remote.attach.initial_delivery_count ?? 0,
      write: (bytes) => this.#shim.write(bytes),
      onMessage: options.onMessage,
      onReadEnd: options.onReadEnd,
    })
    this.#tap.add(remote.channel, reader)
    // Not before: what was under way when the link was closed must not reach rhea, which would complain.
    session.on('session_close', () => this.#tap.remove(remote.channel))
    return {
      get credit() {
        return reader.credit
      },
      addCredit: (count) => reader.addCredit(count),
      onDetached: (run) => detached.add(run),
      close: () => detached.close(),
    }
  }

  /** One request to `$cbs` or `$management`. @throws EhubError for a status other than 2xx, `timeout`. */
  async request(
    node: string,
    body: unknown,
    properties: Readonly<Record<string, unknown>>,
    what: string,
  ): Promise<RequestReply> {
    let opening = this.#nodes.get(node)
    if (opening === undefined) {
      opening = this.#openNode(node)
      this.#nodes.set(node, opening)
    }
    return (await opening).request(body, properties, what)
  }

  /** A timestamp for `request`. */
  timestamp(ms: number): unknown {
    return this.#rhea.types.wrap_timestamp(ms)
  }

  /** Says goodbye and waits for the peer's, at most two seconds. Never throws. */
  async close(): Promise<void> {
    if (this.#lost === null) {
      await new Promise<void>((resolve) => {
        const deadline = this.#options.clock.schedule(closeTimeoutMs, resolve)
        const done = () => {
          deadline.cancel()
          resolve()
        }
        this.onLost(done)
        this.#connection.on('connection_close', done)
        this.#connection.close()
      })
    }
    this.#lose(new EhubError('cancelled', 'the connection was closed by us'))
    this.#shim.destroy()
  }

  async #start(stream: Duplex): Promise<void> {
    const connection = this.#connection
    const opened = new Promise<void>((resolve, reject) => {
      connection.once('connection_open', () => {
        quietIdle(connection)
        resolve()
      })
      this.onLost(reject)
    })
    const onFault = (context: { readonly error?: unknown }) => this.#lose(faultOf(context.error))
    connection.on('connection_error', onFault)
    connection.on('disconnected', onFault)
    connection.on('connection_close', () =>
      this.#lose(new EhubError('connect-failed', 'the peer closed the connection')),
    )
    connection.on('protocol_error', (error: Error) => this.#lose(faultOf(error)))
    connection.on('error', (error: Error) => this.#lose(faultOf(error)))
    for (const event of ['session_error', 'session_close', 'settled']) connection.on(event, () => undefined)
    stream.on('data', (chunk: Buffer) => {
      try {
        this.#tap.push(chunk)
      } catch (error) {
        // What the peer sent wrong ends the connection; anything else is a bug and ends the program.
        if (!(error instanceof EhubError)) throw error
        this.#lose(error)
        this.#shim.destroy()
      }
    })
    stream.on('error', (error) => this.#lose(faultOf(error)))
    stream.on('close', () => this.#lose(new EhubError('connect-failed', 'the connection was cut')))
    connection.connect()
    await this.#within(opened, 'no answer to the opening of the connection')
    this.#shim.watchIdle(this.#options.clock, idleTimeoutMs * 2, () => {
      this.#lose(new EhubError('connect-failed', `nothing heard from the peer for ${idleTimeoutMs * 2} ms`))
      this.#shim.destroy()
    })
  }

  async #openNode(node: string): Promise<AmqpRequestNode> {
    const session = this.#openSession()
    const name = this.#linkName(node)
    const receiver = session.open_receiver({ name: `${name}-in`, source: { address: node }, target: { address: name } })
    const sender = session.open_sender({ name: `${name}-out`, source: { address: name }, target: { address: node } })
    const requests = new AmqpRequestNode(this.#options.clock, this.#options.timeoutMs, name, (message) => {
      sender.send(message as Message)
    })
    const detachedIn = new DetachNotice(this, receiver, 'receiver', session, node, (error) => requests.fail(error))
    const detachedOut = new DetachNotice(this, sender, 'sender', session, node, (error) => {
      this.#nodes.delete(node)
      requests.fail(error)
    })
    receiver.on('message', (context) => requests.onReply(context.message))
    const isIn = this.#attached(detachedIn, receiver, 'receiver_open', () => isThere(receiver.source))
    await Promise.all([isIn, this.#attached(detachedOut, sender, 'sender_open', () => isThere(sender.target))])
    return requests
  }

  #openSession(): Session {
    if (this.#lost !== null) throw this.#lost
    const session = this.#connection.create_session()
    session.open()
    return session
  }

  // Names must differ between links of one connection; people see them in `list-receivers` and in errors.
  #linkName(address: string): string {
    this.#linkCount += 1
    return `${address}-${this.#options.containerId}-${this.#linkCount}`
  }

  /** A refusing peer attaches with a null terminus and detaches with the reason right after. */
  #attached(detached: DetachNotice, link: Sender | Receiver, event: string, isGranted: () => boolean): Promise<void> {
    const attached = new Promise<void>((resolve, reject) => {
      detached.add(reject)
      link.on(event, () => {
        if (isGranted()) resolve()
      })
    })
    return this.#within(attached, `no answer to the opening of ${detached.address}`)
  }

  #within<T>(promise: Promise<T>, what: string): Promise<T> {
    const { clock, timeoutMs } = this.#options
    return new Promise((resolve, reject) => {
      const deadline = clock.schedule(timeoutMs, () =>
        reject(new EhubError('timeout', `${what} within ${timeoutMs} ms`)),
      )
      promise.then(resolve, reject).finally(() => deadline.cancel())
    })
  }

  #lose(error: EhubError): void {
    if (this.#lost !== null) return
    this.#lost = error
    for (const run of this.#lostWaiters) run(error)
    this.#lostWaiters.clear()
  }
}

/** A composite has its fields in `value`; a null terminus is nothing, or rhea's null with nothing in `value`. */
const isThere = (terminus: unknown): boolean => Array.isArray((terminus as { readonly value?: unknown } | null)?.value)

// What rhea keeps but its types do not say; the version is pinned and test/client/amqp-client.test.ts watches it.
interface SessionState {
  readonly local: { readonly channel: number }
  readonly remote: { readonly channel: number; readonly begin: { readonly next_outgoing_id: number } }
}
interface LinkState {
  readonly local: { readonly handle: number }
  readonly remote: { readonly attach: { readonly initial_delivery_count?: number } }
}
const sessionState = (session: Session): SessionState => session as unknown as SessionState
const linkState = (link: Receiver): LinkState => link as unknown as LinkState

/** rhea sees only the frames we pass on, so it cannot judge silence: `SocketShim.watchIdle` does. */
function quietIdle(connection: Connection): void {
  const state = connection as unknown as {
    local: { open: { idle_time_out: number | undefined } }
    heartbeat_in: unknown
  }
  state.local.open.idle_time_out = undefined
  clearTimeout(state.heartbeat_in as NodeJS.Timeout | undefined)
  state.heartbeat_in = undefined
}
