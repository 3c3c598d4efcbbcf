// A peer that writes whatever it likes and sees every byte it gets, over an in-memory pair of streams, against a server on
// the memory engine with simulated time. Nothing here knows the server's inside.

import { type Duplex, duplexPair } from 'node:stream'
import type { TestContext } from 'node:test'
import { ByteWriter } from '../../../../src/base/byte-writer.ts'
import { type Log, quietLog } from '../../../../src/base/log.ts'
import type { Broker, Caller } from '../../../../src/daemon/broker/broker-api.ts'
import type { Tier } from '../../../../src/daemon/broker/tiers.ts'
import { openBroker } from '../../../../src/daemon/broker/broker.ts'
import type { AmqpLimits } from '../../../../src/daemon/protocols/amqp/limits.ts'
import { AmqpServer } from '../../../../src/daemon/protocols/amqp/server.ts'
import { MemoryEngine } from '../../../../src/daemon/storage/memory-engine.ts'
import { writeFrame, writeHeartbeat, writeSasl } from '../../../../src/wire/amqp/frame.ts'
import {
  decodePerformative,
  decodeSaslFrame,
  type Performative,
  type PerformativeInput,
  type SaslFrame,
  type SaslFrameInput,
} from '../../../../src/wire/amqp/performatives.ts'
import { SimClock } from '../../../sim/sim-clock.ts'
import { SimRandom } from '../../../sim/sim-random.ts'
import { fixedRandom } from './fakes.ts'

export interface RawServer {
  readonly broker: Broker
  readonly owner: Caller
  readonly key: string
  readonly clock: SimClock
  readonly amqp: AmqpServer
  readonly bugs: unknown[]
  /** A fresh connection; says nothing by itself. */
  connect(address?: string): RawPeer
  /** A connection with SASL PLAIN and open exchanged. */
  open(options?: { readonly maxFrameSize?: number; readonly idleTimeOut?: number }): Promise<RawPeer>
}

export interface RawServerOptions {
  readonly limits?: Partial<AmqpLimits>
  readonly tier?: Tier
  readonly log?: Log
  /** Partitions of the hub `orders`. */
  readonly partitionCount?: number
  /** Puts something between server and broker. */
  readonly wrap?: (broker: Broker) => Broker
}

/** With a hub `orders`. Time stands still until the test moves it. */
export async function startRawServer(t: TestContext, options: RawServerOptions = {}): Promise<RawServer> {
  const { limits = {}, tier = 'standard', log = quietLog, partitionCount = 2, wrap = (same) => same } = options
  const clock = new SimClock(Date.UTC(2024, 2, 1, 12))
  const engine = new MemoryEngine()
  const broker = await openBroker({
    engine,
    clock,
    random: new SimRandom(7),
    log,
    options: { tier, durability: 'memory' },
  })
  const owner = broker.ownerCaller('')
  await broker.createHub(owner, { name: 'orders', partitionCount })
  const bugs: unknown[] = []
  const onBug = (error: unknown): void => void bugs.push(error)
  const amqp = new AmqpServer({ broker: wrap(broker), clock, random: fixedRandom, log, options: { limits, onBug } })
  t.after(async () => {
    const closing = amqp.close()
    clock.advance(10_000)
    await closing
    await broker.close()
    await engine.close()
  })
  const key = broker.listRules(owner)[0]!.primaryKey
  const connect = (address = '10.0.0.1'): RawPeer => {
    const [near, far] = duplexPair()
    const peer = new RawPeer(near)
    // As a socket does: who is gone is gone for both.
    near.on('close', () => far.destroy())
    t.after(() => near.destroy())
    amqp.acceptSocket(far, address)
    return peer
  }
  const open: RawServer['open'] = async ({ maxFrameSize = 65536, idleTimeOut } = {}) => {
    const peer = connect()
    peer.write(headers.sasl)
    peer.sasl({
      kind: 'sasl-init',
      mechanism: 'PLAIN',
      initialResponse: Buffer.from(`\0RootManageSharedAccessKey\0${key}`),
      hostname: 'localhost',
    })
    peer.write(headers.amqp)
    peer.send(0, {
      kind: 'open',
      containerId: 'raw',
      hostname: 'localhost',
      maxFrameSize,
      idleTimeOut: idleTimeOut ?? null,
    })
    await peer.header()
    await peer.saslFrame('sasl-mechanisms')
    await peer.saslFrame('sasl-outcome')
    await peer.header()
    await peer.expect('open')
    return peer
  }
  return { broker, owner, key, clock, amqp, bugs, connect, open }
}

export const headers = {
  amqp: Buffer.from('414d515000010000', 'hex'),
  sasl: Buffer.from('414d515003010000', 'hex'),
  tls: Buffer.from('414d515002010000', 'hex'),
}

type Of<K extends Performative['kind']> = Extract<Performative, { kind: K }>

/** A frame as it came, and what it says. */
export interface RawFrame {
  readonly bytes: Buffer
  readonly channel: number
  /** Null for a heartbeat. */
  readonly performative: Performative | null
}

export class RawPeer {
  readonly stream: Duplex
  #received: Buffer = Buffer.alloc(0)
  #isEnded = false
  #wake: () => void = () => undefined

  constructor(stream: Duplex) {
    this.stream = stream
    stream.on('data', (chunk: Buffer) => {
      // A copy: streams in memory hand over the writer's own buffer.
      this.#received = Buffer.concat([this.#received, chunk])
      this.#wake()
    })
    stream.on('error', () => undefined)
    for (const event of ['end', 'close']) {
      stream.on(event, () => {
        this.#isEnded = true
        this.#wake()
      })
    }
  }

  /** A copy of the bytes is sent: what is handed over in memory is the server's to overwrite. */
  write(bytes: Uint8Array): void {
    this.stream.write(Buffer.from(bytes))
  }

  send(channel: number, performative: PerformativeInput): void {
    this.write(frameOf(channel, performative))
  }

  sasl(frame: SaslFrameInput): void {
    const writer = new ByteWriter()
    writeSasl(writer, frame)
    this.write(writer.taken())
  }

  heartbeat(): void {
    const writer = new ByteWriter()
    writeHeartbeat(writer)
    this.write(writer.taken())
  }

  /** The next 8 bytes. */
  async header(): Promise<Buffer> {
    return this.#take(8)
  }

  async saslFrame<K extends SaslFrame['kind']>(
    kind: K,
  ): Promise<{ bytes: Buffer; frame: Extract<SaslFrame, { kind: K }> }> {
    const bytes = await this.#frameBytes()
    const frame = decodeSaslFrame(bytes, bytes[4]! * 4)
    if (frame.kind !== kind) throw new Error(`${frame.kind} came, not ${kind}`)
    return { bytes, frame: frame as Extract<SaslFrame, { kind: K }> }
  }

  /** The next frame, heartbeats included. */
  async frame(): Promise<RawFrame> {
    const bytes = await this.#frameBytes()
    const start = bytes[4]! * 4
    const performative = start === bytes.length ? null : decodePerformative(bytes, start)
    return { bytes, channel: bytes.readUInt16BE(6), performative }
  }

  /** The next frame, which must be of this kind. */
  async expect<K extends Performative['kind']>(kind: K): Promise<Of<K>> {
    const { performative } = await this.frame()
    if (performative?.kind !== kind) throw new Error(`${JSON.stringify(performative, jsonable)} came, not ${kind}`)
    return performative as Of<K>
  }

  /** The next frame of this kind; what comes before is dropped. */
  async skipTo<K extends Performative['kind']>(kind: K): Promise<Of<K>> {
    for (;;) {
      const { performative } = await this.frame()
      if (performative?.kind === kind) return performative as Of<K>
    }
  }

  /** Resolves when the server has ended its direction. */
  async ended(): Promise<void> {
    while (!this.#isEnded) await this.#more()
  }

  /** What has come and was not taken, once the server has nothing more to do. */
  async rest(): Promise<Buffer> {
    await settled()
    return this.#received
  }

  async #frameBytes(): Promise<Buffer> {
    await this.#need(4)
    return this.#take(this.#received.readUInt32BE(0))
  }

  async #take(count: number): Promise<Buffer> {
    await this.#need(count)
    const bytes = this.#received.subarray(0, count)
    this.#received = this.#received.subarray(count)
    return bytes
  }

  async #need(count: number): Promise<void> {
    while (this.#received.length < count) {
      if (this.#isEnded) throw new Error('the server has ended')
      await this.#more()
    }
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }
}

export function frameOf(channel: number, performative: PerformativeInput): Buffer {
  const writer = new ByteWriter()
  writeFrame(writer, channel, performative)
  return writer.takeCopy()
}

/** Everything that needs no time has happened: streams in memory and the broker take a few turns of the event loop. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

function jsonable(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}` : value
}

// ---------------------------------------------------------------- what most peers do

export const begin = { kind: 'begin', nextOutgoingId: 1, incomingWindow: 5000, outgoingWindow: 5000 } as const

/** A session on channel 0 and a link that sends to `address`; has the credit of the first flow. */
export async function attachSender(peer: RawPeer, address: string, handle = 0): Promise<Of<'flow'>> {
  peer.send(0, begin)
  await peer.expect('begin')
  peer.send(0, senderAttach(address, handle))
  await peer.expect('attach')
  return peer.expect('flow')
}

export function senderAttach(address: string, handle = 0): PerformativeInput {
  return {
    kind: 'attach',
    name: `to-${address}-${handle}`,
    handle,
    role: 'sender',
    source: { address: 'me' },
    target: { address },
    initialDeliveryCount: 0,
  }
}

export function receiverAttach(address: string, handle = 0): PerformativeInput {
  return {
    kind: 'attach',
    name: `from-${address}-${handle}`,
    handle,
    role: 'receiver',
    source: { address },
    target: { address: 'me' },
  }
}

/** A data section with this text. */
export function message(text: string): Buffer {
  const body = Buffer.from(text)
  if (body.length > 255) {
    const head = Buffer.from('005375b000000000', 'hex')
    head.writeUInt32BE(body.length, 4)
    return Buffer.concat([head, body])
  }
  return Buffer.concat([Buffer.from([0x00, 0x53, 0x75, 0xa0, body.length]), body])
}

export function transfer(deliveryId: number, payload: Buffer, more = false, handle = 0): PerformativeInput {
  return {
    kind: 'transfer',
    handle,
    deliveryId,
    deliveryTag: Buffer.from([deliveryId]),
    messageFormat: 0,
    settled: false,
    more,
    payload,
  }
}

export function credit(linkCredit: number, more: Partial<Of<'flow'>> = {}): PerformativeInput {
  return {
    kind: 'flow',
    nextIncomingId: 1,
    incomingWindow: 5000,
    nextOutgoingId: 1,
    outgoingWindow: 5000,
    handle: 0,
    deliveryCount: 0,
    linkCredit,
    ...more,
  }
}
