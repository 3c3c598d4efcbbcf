// One hub of one namespace, local or Azure: connects, proves who we are and keeps the proof fresh, reads what the hub says
// of itself, opens links. After the connection is lost the next call connects again, to wherever the endpoint then is.

import type { Clock, Timer } from '../base/clock.ts'
import { EhubError } from '../base/error.ts'
import { type Random, uuid } from '../base/random.ts'
import { managementKeys, nodes, requestKeys, requestValues } from '../wire/amqp/names.ts'
import { makeSasToken } from '../wire/sas.ts'
import { AmqpClient, type ReceiverLink, type SenderLink } from './amqp-client.ts'
import { dial } from './amqp-dial.ts'
import { type AmqpEndpoint, audienceOf } from './amqp-endpoint.ts'

export interface HubClientOptions {
  readonly clock: Clock
  readonly random: Random
  readonly hub: string
  /** Asked again for each connection: a restarted daemon may listen elsewhere. */
  readonly findEndpoint: () => Promise<AmqpEndpoint>
  readonly version: string
  readonly connectTimeoutMs: number
  readonly operationTimeoutMs: number
  /** One line for each step, for `--verbose`. */
  readonly trace?: (line: string) => void
}

export interface PartitionEnds {
  /** First readable sequence. */
  readonly beginSequence: number
  /** Next to be assigned: one behind the last. */
  readonly endSequence: number
  /** Of the last event, "-1" when there is none. */
  readonly lastOffset: string
  readonly lastEnqueuedTimeMs: number
}

export interface PartitionReceiverOptions {
  readonly group: string
  readonly partition: string
  readonly selector: string
  readonly ownerLevel: number | null
  readonly name: string
  readonly onMessage: (buffer: Buffer, start: number, end: number) => void
  readonly onReadEnd: () => void
}

// As the official SDKs: an hour, renewed after three quarters.
const tokenLifetimeSeconds = 3600
const tokenRenewMs = 45 * 60_000
const tokenRetryMs = 30_000

interface Connected {
  readonly client: AmqpClient
  readonly token: string | null
}

export class HubClient {
  readonly hub: string
  readonly #options: HubClientOptions
  readonly #containerId: string
  #connecting: Promise<Connected> | null = null
  #client: AmqpClient | null = null
  #renewal: Timer | null = null
  #isClosed = false

  constructor(options: HubClientOptions) {
    this.hub = options.hub
    this.#options = options
    this.#containerId = `ehub-${uuid(options.random).slice(0, 8)}`
  }

  /** The connection, made when there is none. @throws EhubError `connect-failed`, `tls-failed`, `unauthorized`, … */
  async connect(): Promise<AmqpClient> {
    return (await this.#connected()).client
  }

  /** Ids of the partitions in the service's order. @throws EhubError `hub-not-found`, `unauthorized`, … */
  async partitionIds(): Promise<readonly string[]> {
    const body = await this.#read(requestValues.eventHub, {}, `hub "${this.hub}"`)
    const ids = body[managementKeys.partitionIds]
    if (!Array.isArray(ids))
      throw new EhubError('decode-error', `hub "${this.hub}" does not say which partitions it has`)
    return ids.map(String)
  }

  /** @throws EhubError `partition-not-found`, `hub-not-found`, `unauthorized`, … */
  async partitionEnds(partition: string): Promise<PartitionEnds> {
    const what = `partition ${partition} of hub "${this.hub}"`
    const body = await this.#read(requestValues.partition, { [requestKeys.partition]: partition }, what)
    const lastSequence = integerOf(body[managementKeys.lastSequence], what)
    const isEmpty = body[managementKeys.isEmpty] === true
    const begin = integerOf(body[managementKeys.beginSequence], what)
    const lastOffset = body[managementKeys.lastOffset]
    const time = body[managementKeys.lastEnqueuedTime]
    return {
      // Azure says begin 0, last -1 of a partition never used; of one that expired begin may lie behind last.
      beginSequence: isEmpty ? lastSequence + 1 : begin,
      endSequence: lastSequence + 1,
      lastOffset: typeof lastOffset === 'string' ? lastOffset : '-1',
      lastEnqueuedTimeMs: time instanceof Date ? time.getTime() : Number(time),
    }
  }

  /** @param partition null: the service chooses, by key or in turn. */
  async openSender(partition: string | null): Promise<SenderLink> {
    const client = await this.connect()
    return client.openSender(partition === null ? this.hub : `${this.hub}/Partitions/${partition}`)
  }

  async openReceiver(options: PartitionReceiverOptions): Promise<ReceiverLink> {
    const client = await this.connect()
    const { group, partition, ...rest } = options
    return client.openReceiver({ ...rest, address: `${this.hub}/ConsumerGroups/${group}/Partitions/${partition}` })
  }

  /** Stops reading from the network until `resume`; a lost connection starts unpaused. */
  pause(): void {
    this.#client?.pause()
  }

  resume(): void {
    this.#client?.resume()
  }

  /** Never throws; at most two seconds. A connection under way is not waited for. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#renewal?.cancel()
    await this.#client?.close()
  }

  #connected(): Promise<Connected> {
    if (this.#isClosed) return Promise.reject(new EhubError('cancelled', 'the client is closed'))
    if (this.#connecting !== null) return this.#connecting
    const connecting = this.#open()
    this.#connecting = connecting
    const forget = () => {
      if (this.#connecting !== connecting) return
      this.#connecting = null
      this.#client = null
    }
    connecting.then(({ client }) => client.onLost(forget), forget)
    return connecting
  }

  async #open(): Promise<Connected> {
    const { clock, version, connectTimeoutMs, operationTimeoutMs, trace } = this.#options
    const endpoint = await this.#options.findEndpoint()
    const startedAt = clock.monotonicMs()
    const stream = await dial(endpoint, { clock, timeoutMs: connectTimeoutMs })
    const client = await AmqpClient.open(stream, {
      clock,
      hostname: endpoint.host,
      containerId: this.#containerId,
      version,
      timeoutMs: operationTimeoutMs,
    })
    try {
      const token = await this.#putToken(client, endpoint)
      if (this.#isClosed) throw new EhubError('cancelled', 'the client is closed')
      this.#client = client
      trace?.(`connected to ${endpoint.label} in ${Math.round(clock.monotonicMs() - startedAt)} ms`)
      return { client, token }
    } catch (error) {
      await client.close()
      throw error
    }
  }

  /** One token for the whole hub, renewed while the connection lives. */
  async #putToken(client: AmqpClient, endpoint: AmqpEndpoint): Promise<string | null> {
    const { credentials } = endpoint
    if (credentials.kind === 'none') return null
    const { clock, trace } = this.#options
    const audience = audienceOf(endpoint, this.hub)
    const expiresAtSeconds = Math.floor((clock.now() + (endpoint.clockAheadMs ?? 0)) / 1000) + tokenLifetimeSeconds
    const token =
      credentials.kind === 'token'
        ? credentials.token
        : makeSasToken({ resource: audience, ruleName: credentials.ruleName, key: credentials.key, expiresAtSeconds })
    const properties = {
      [requestKeys.operation]: requestValues.putToken,
      [requestKeys.type]: requestValues.sasToken,
      [requestKeys.name]: audience,
      [requestKeys.expiration]: client.timestamp(expiresAtSeconds * 1000),
    }
    await client.request(nodes.cbs, token, properties, `signing in at ${endpoint.label}`)
    if (credentials.kind === 'token') return token
    this.#renewal?.cancel()
    const renew = () => {
      this.#putToken(client, endpoint).catch((error: unknown) => {
        // The old token still holds for a quarter of an hour; the peer ends the links if it runs out.
        trace?.(`renewing the token failed: ${String(error)}`)
        this.#renewal = clock.schedule(tokenRetryMs, renew)
      })
    }
    this.#renewal = clock.schedule(tokenRenewMs, renew)
    client.onLost(() => this.#renewal?.cancel())
    return token
  }

  async #read(type: string, more: Readonly<Record<string, unknown>>, what: string): Promise<Record<string, unknown>> {
    const { client, token } = await this.#connected()
    const properties = {
      [requestKeys.operation]: requestValues.read,
      [requestKeys.type]: type,
      [requestKeys.name]: this.hub,
      ...(token === null ? {} : { [requestKeys.securityToken]: token }),
      ...more,
    }
    const { body } = await client.request(nodes.management, null, properties, what)
    if (typeof body !== 'object' || body === null) throw new EhubError('decode-error', `${what}: the answer is no map`)
    return body as Record<string, unknown>
  }
}

/** rhea gives longs beyond 2^53 as their eight bytes. */
function integerOf(value: unknown, what: string): number {
  const number = Buffer.isBuffer(value) && value.length === 8 ? Number(value.readBigInt64BE()) : Number(value)
  if (!Number.isSafeInteger(number)) throw new EhubError('decode-error', `${what}: the answer has no sequence number`)
  return number
}
