// A link on which a client receives events of one partition. Deliveries are settled when sent, whatever was asked for, as the
// service does. Events go from the broker's batches straight into the output buffer; there is no polling: the link reads when
// it has credit, and when there is nothing it waits for the broker's call.
//
//   reading: the next batches are on their way from disk     waiting: there was nothing, the broker calls
//
//   ready --next() gives batches--> (deliver all) --> ready --next() is a promise--> reading --> ready
//     ^--------------- whenReady ---- waiting <--next() gives none---'

import { EhubError, isEhubError } from '../../../base/error.ts'
import { AnnotationSplicer, encodeRuntimeMetric, splicedBytesMax } from '../../../wire/amqp/annotation-splice.ts'
import { PayloadReader } from '../../../wire/amqp/batch-payload.ts'
import { capabilities, linkProperties, timeNeverMs } from '../../../wire/amqp/names.ts'
import type { Attach, Flow } from '../../../wire/amqp/performatives.ts'
import { positionOfFilter } from '../../../wire/amqp/selector.ts'
import { transferHeadBytes } from '../../../wire/amqp/transfer.ts'
import { mapEntry, safeIntegerOf, textOf } from '../../../wire/amqp/types.ts'
import type { Receiver } from '../../broker/broker-api.ts'
import type { Batch } from '../../storage/storage-engine.ts'
import { offsetOfIndex, sequenceOfIndex } from '../../storage/survivors.ts'
import type { Address } from './addresses.ts'
import type { Feeder } from './feeders.ts'
import type { Link } from './link.ts'
import { Outlet } from './outlet.ts'
import type { Place } from './refusals.ts'
import type { LinkHost } from './hosts.ts'

type Consumer = Extract<Address, { kind: 'consumer' }>

export class EgressLink implements Link, Feeder {
  readonly handle: number
  readonly #session: LinkHost
  readonly #place: Place
  readonly #outlet: Outlet
  readonly #receiver: Receiver
  readonly #wantsMetric: boolean
  readonly #splicer = new AnnotationSplicer()
  readonly #events = new PayloadReader()
  #state: 'ready' | 'reading' | 'waiting' = 'ready'
  #isQueued = false
  #isDisposed = false
  /** Batches still to be delivered; the first is under way when `#batch` is set. */
  #batches: readonly Batch[] = []
  #batchIndex = 0
  #batch: Batch | null = null
  #annotationBytes = 0
  /** Events of the first batch below this were not asked for. */
  #from = 0
  #deliveredCount = 0

  /** @throws EhubError what `Broker.openReceiver` throws, `argument-error` for a filter that is none. */
  constructor(session: LinkHost, attach: Attach, address: Consumer, place: Place) {
    const { connection } = session
    const { broker } = connection.context
    const { properties } = attach
    this.#session = session
    this.#place = place
    this.handle = attach.handle
    this.#wantsMetric = attach.desiredCapabilities?.includes(capabilities.runtimeMetric) ?? false
    const name =
      mapEntry(properties, linkProperties.receiverName) ?? mapEntry(properties, linkProperties.receiverNameRust)
    this.#receiver = broker.openReceiver(connection.peer.caller, {
      hub: address.hub,
      group: address.group,
      partition: address.partition,
      position: positionOfFilter(attach.source?.filter ?? null),
      ownerLevel: ownerLevelOf(attach),
      name: textOf(name),
      origin: `${connection.peer.name} at ${connection.remoteAddress}`,
    })
    this.#outlet = new Outlet(session, attach.handle, true)
    this.#receiver.onDetached((reason) => connection.guarded(() => session.detachFor(this, reason, place)))
  }

  get deliveryCount(): number {
    return this.#outlet.deliveryCount
  }

  /** A receiver's client sends no transfers. */
  transfer(): void {
    const description = 'a transfer came on a link on which the peer receives'
    this.#session.detach(this, { condition: 'amqp:not-allowed', description })
  }

  flow(flow: Flow): void {
    this.#outlet.flow(flow)
    this.#receiver.report(this.#outlet.credit, this.#deliveredCount)
    // What is waiting for events gives its credit back at once; otherwise when it has looked.
    if (this.#outlet.isDraining && (this.#outlet.credit === 0 || this.#state === 'waiting')) this.#outlet.drained()
    else if (flow.echo) this.#writeFlow()
  }

  resume(): void {
    if (this.#isQueued || this.#isDisposed) return
    const canBegin = !this.#outlet.isSending && this.#outlet.isOpen && this.#state === 'ready'
    if (!canBegin && !this.#outlet.canContinue) return
    this.#isQueued = true
    this.#session.connection.feed(this)
    this.#session.connection.wake()
  }

  writeDue(): void {}

  pump(bytes: number): number {
    this.#isQueued = false
    if (this.#isDisposed) return 0
    const sent = this.#send(bytes)
    if (sent > 0) this.#receiver.report(this.#outlet.credit, this.#deliveredCount)
    if (this.#outlet.isDraining && this.#outlet.credit === 0) this.#outlet.drained()
    if (!this.#isDisposed) this.resume()
    return sent
  }

  dispose(): void {
    this.#isDisposed = true
    this.#batches = []
    this.#batch = null
    this.#receiver.close()
  }

  #send(bytes: number): number {
    const { output } = this.#session.connection
    const metric = this.#wantsMetric ? this.#metric() : null
    let sent = this.#outlet.isSending ? this.#outlet.continue() : 0
    while (sent < bytes && !output.isBlocked && !this.#outlet.isSending && this.#outlet.isOpen) {
      if (!this.#nextEvent()) break
      sent += this.#deliver(metric)
    }
    return sent
  }

  /** Writes the current event. @returns Bytes. */
  #deliver(metric: Buffer | null): number {
    const { output, frameBytesMax } = this.#session.connection
    const { messageStart, messageEnd, sectionStart, index } = this.#events
    const batch = this.#batch
    if (batch === null) return 0
    const { payload } = batch
    const isWhole = batch.survivors === undefined
    const sequence = isWhole ? batch.baseSequence + index : sequenceOfIndex(batch, index)
    const offset = isWhole ? batch.baseOffset + sectionStart : offsetOfIndex(batch, index, sectionStart)
    const extraBytes = splicedBytesMax + this.#annotationBytes + (metric?.length ?? 0)
    const bytesMax = messageEnd - messageStart + extraBytes
    this.#deliveredCount += 1
    if (transferHeadBytes + bytesMax <= frameBytesMax) {
      output.reserve(transferHeadBytes + bytesMax)
      const { chunk, position } = output
      const at = position + transferHeadBytes
      this.#outlet.sendSingle(
        this.#splicer.splice(chunk, at, payload, messageStart, messageEnd, sequence, offset, metric),
      )
      return output.position - position
    }
    const message = Buffer.allocUnsafe(bytesMax)
    const end = this.#splicer.splice(message, 0, payload, messageStart, messageEnd, sequence, offset, metric)
    return this.#outlet.send(message.subarray(0, end))
  }

  /** Moves to the next event to deliver; false when there is none now, and then the state says why. */
  #nextEvent(): boolean {
    for (;;) {
      while (this.#batch !== null) {
        if (!this.#events.next()) this.#batch = null
        else if (sequenceOfIndex(this.#batch, this.#events.index) >= this.#from) return true
      }
      const batch = this.#batches[this.#batchIndex]
      if (batch === undefined) {
        if (!this.#fetch()) return false
        continue
      }
      this.#batchIndex += 1
      this.#begin(batch)
    }
  }

  #begin(batch: Batch): void {
    this.#batch = batch
    const { payload, enqueuedTimeMs } = batch
    this.#events.open(payload)
    const { annotationsStart, annotationsEnd } = this.#events
    this.#annotationBytes = annotationsStart < 0 ? 0 : annotationsEnd - annotationsStart
    if (annotationsStart < 0) this.#splicer.beginBatch(enqueuedTimeMs, null)
    else this.#splicer.beginBatch(enqueuedTimeMs, payload, annotationsStart, annotationsEnd)
  }

  /** Asks the broker for more; false when there is nothing at once. */
  #fetch(): boolean {
    this.#batches = []
    this.#batchIndex = 0
    this.#from = this.#receiver.nextSequence
    try {
      const batches = this.#receiver.next(this.#readBytes())
      if (batches instanceof Promise) {
        this.#state = 'reading'
        batches.then(
          (arrived) => this.#arrived(arrived),
          (error: unknown) => this.#session.connection.guarded(() => this.#failed(error)),
        )
        return false
      }
      if (batches.length === 0) return this.#wait()
      this.#batches = batches
      return true
    } catch (error) {
      this.#failed(error)
      return false
    }
  }

  /** Large reads are cheaper by the event, but a client with little credit would let them lie. */
  #readBytes(): number {
    const { readBytesMin, readBytesMax } = this.#session.connection.context.limits
    return Math.max(readBytesMin, Math.min(1024 * this.#outlet.credit, readBytesMax))
  }

  #arrived(batches: readonly Batch[]): void {
    if (this.#isDisposed) return
    this.#session.connection.guarded(() => {
      this.#state = 'ready'
      this.#batches = batches
      if (batches.length === 0) this.#wait()
      this.resume()
    })
  }

  #wait(): false {
    this.#state = 'waiting'
    if (this.#outlet.isDraining) this.#outlet.drained()
    this.#receiver.whenReady(() => {
      this.#state = 'ready'
      this.resume()
    })
    return false
  }

  #failed(error: unknown): void {
    if (this.#isDisposed) return
    if (!isEhubError(error)) throw error
    this.#detach(error)
  }

  #detach(error: EhubError): void {
    this.#session.detachFor(this, error, this.#place)
  }

  #writeFlow(): void {
    this.#session.writeLinkFlow(this.handle, this.#outlet.deliveryCount, this.#outlet.credit, false)
  }

  #metric(): Buffer {
    const { lastSequence, lastOffset, lastEnqueuedTimeMs, retrievedAtMs } = this.#receiver.metric()
    return encodeRuntimeMetric({
      lastSequence,
      lastOffset,
      lastEnqueuedTimeMs: lastEnqueuedTimeMs ?? timeNeverMs,
      retrievedAtMs,
    })
  }
}

/** @throws EhubError `argument-error` for a level that is no number: a reader who asks to be alone must not share. */
function ownerLevelOf({ properties }: Attach): number | null {
  const entry = mapEntry(properties, linkProperties.epoch)
  if (entry === undefined || entry.type === 'null') return null
  const level = safeIntegerOf(entry)
  if (level === null) throw new EhubError('argument-error', `'${linkProperties.epoch}' is not a whole number`)
  return level
}
