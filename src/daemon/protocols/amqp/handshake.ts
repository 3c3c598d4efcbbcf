// The way from a connection's first byte to its `open`: protocol headers, SASL, the two open frames.
//
//   header --SASL header--> sasl --outcome ok--> amqp-header --AMQP header--> open --open--> done
//      \--------------------------AMQP header (no SASL)-----------------------^
//
// A client may send everything up to its first transfers without waiting (the Python SDK does): frames are taken in order,
// so that needs nothing special. Frames are small here: 4 KiB until SASL is over.

import { frameBytesMin, type FrameReader, frameTypes, protocolIds, protocolVersion } from '../../../wire/amqp/frame.ts'
import { writeFrame, writeProtocolHeader, writeSasl } from '../../../wire/amqp/frame.ts'
import { conditions } from '../../../wire/amqp/names.ts'
import { decodePerformative, decodeSaslFrame, type Open } from '../../../wire/amqp/performatives.ts'
import type { Caller } from '../../broker/broker-api.ts'
import type { ServerContext } from './context.ts'
import type { Output } from './output.ts'
import { framingError, ProtocolViolation } from './protocol-violation.ts'
import { offeredMechanisms, SaslServer } from './sasl.ts'

export type HandshakeStep =
  | { readonly kind: 'more' }
  /** The header is right: whoever is there speaks AMQP. */
  | { readonly kind: 'header' }
  /** Answered already; nothing can follow. `reason` is for the log. */
  | { readonly kind: 'refused'; readonly reason: string; readonly isAuthentication: boolean }
  /** Answered; what is wrong with the client's `open` is said after that, with `close`. */
  | { readonly kind: 'open'; readonly opened: Opened }

export interface Opened {
  readonly open: Open
  /** Null when rights come by tokens. */
  readonly caller: Caller | null
  /** What the client believes to be connected to. */
  readonly host: string | null
  readonly violation: ProtocolViolation | null
}

const more: HandshakeStep = { kind: 'more' }

export class Handshake {
  readonly #context: ServerContext
  readonly #output: Output
  readonly #sasl: SaslServer
  #state: 'header' | 'sasl' | 'amqp-header' | 'open' = 'header'
  #caller: Caller | null = null

  readonly #containerId: string

  constructor(context: ServerContext, output: Output, containerId: string) {
    this.#context = context
    this.#output = output
    this.#containerId = containerId
    this.#sasl = new SaslServer(context.broker)
  }

  get isBeforeHeader(): boolean {
    return this.#state === 'header'
  }

  /** Takes the reader's current frame. @throws ProtocolViolation, EhubError `decode-error`. */
  next(reader: FrameReader): HandshakeStep {
    switch (this.#state) {
      case 'header':
        return this.#header(reader)
      case 'sasl':
        return this.#saslFrame(reader)
      case 'amqp-header':
        this.#amqpHeader(reader)
        return more
      case 'open':
        return this.#open(reader)
    }
  }

  /** AMQP 1.0 §2.2: answer with a header we would have taken; the caller then closes. */
  refuseHeader(reason: string): HandshakeStep {
    const { writer } = this.#context
    writer.clear()
    writeProtocolHeader(writer, protocolIds.sasl)
    this.#output.append(writer.taken())
    return { kind: 'refused', reason, isAuthentication: false }
  }

  /** Gives back what was gained when the connection ends on the way. */
  dispose(): void {
    this.#caller?.close()
  }

  #header(reader: FrameReader): HandshakeStep {
    if (!reader.isProtocolHeader || reader.protocolVersion !== protocolVersion) {
      return this.refuseHeader('no AMQP 1.0 header')
    }
    if (reader.protocolId === protocolIds.amqp) {
      this.#amqpHeader(reader)
      return { kind: 'header' }
    }
    if (reader.protocolId !== protocolIds.sasl) {
      return this.refuseHeader('TLS inside a plain connection is not offered; it has a port of its own')
    }
    const { writer, limits } = this.#context
    writer.clear()
    writeProtocolHeader(writer, protocolIds.sasl)
    writeSasl(writer, { kind: 'sasl-mechanisms', mechanisms: offeredMechanisms })
    this.#output.append(writer.taken())
    reader.frameBytesMax = limits.saslFrameBytesMax
    this.#state = 'sasl'
    return { kind: 'header' }
  }

  #saslFrame(reader: FrameReader): HandshakeStep {
    if (reader.isProtocolHeader || reader.type !== frameTypes.sasl) throw framingError('a SASL frame was expected')
    const step = this.#sasl.next(decodeSaslFrame(reader.buffer, reader.bodyStart, reader.bodyEnd))
    const { writer } = this.#context
    writer.clear()
    if (step.kind === 'challenge') writeSasl(writer, { kind: 'sasl-challenge', challenge: Buffer.alloc(0) })
    // AMQP 1.0 §5.3.3.6: 0 ok, 1 the credentials are not right.
    else writeSasl(writer, { kind: 'sasl-outcome', code: step.kind === 'ok' ? 0 : 1 })
    this.#output.append(writer.taken())
    if (step.kind === 'challenge') return more
    if (step.kind === 'refused') return { kind: 'refused', reason: step.reason, isAuthentication: true }
    this.#caller = step.caller
    this.#state = 'amqp-header'
    return more
  }

  #amqpHeader(reader: FrameReader): void {
    if (!reader.isProtocolHeader || reader.protocolId !== protocolIds.amqp) {
      throw framingError('an AMQP header was expected')
    }
    const { writer, limits } = this.#context
    writer.clear()
    writeProtocolHeader(writer, protocolIds.amqp)
    this.#output.append(writer.taken())
    reader.frameBytesMax = limits.frameBytesMax
    this.#state = 'open'
  }

  #open(reader: FrameReader): HandshakeStep {
    if (reader.isProtocolHeader || reader.type !== frameTypes.amqp) throw framingError('an open frame was expected')
    if (reader.bodyStart === reader.bodyEnd) return more
    const open = decodePerformative(reader.buffer, reader.bodyStart, reader.bodyEnd)
    if (open.kind !== 'open') throw framingError(`an open frame was expected, not ${open.kind}`)
    this.#answerOpen()
    const host = open.hostname ?? this.#sasl.hostname
    const violation = violationOf(open, this.#context.limits.peerIdleTimeoutMsMin)
    return { kind: 'open', opened: { open, caller: this.#caller, host, violation } }
  }

  #answerOpen(): void {
    const { writer, limits } = this.#context
    writer.clear()
    writeFrame(writer, 0, {
      kind: 'open',
      containerId: this.#containerId,
      maxFrameSize: limits.frameBytesMax,
      channelMax: limits.channelMax,
      idleTimeOut: limits.idleTimeoutMs,
    })
    this.#output.append(writer.taken())
  }
}

function violationOf({ maxFrameSize, idleTimeOut }: Open, idleMsMin: number): ProtocolViolation | null {
  if (maxFrameSize < frameBytesMin) {
    return new ProtocolViolation('connection', conditions.invalidField, `max-frame-size is at least ${frameBytesMin}`)
  }
  // AMQP 1.0 §2.4.5: a peer that cannot keep up with a timeout says so.
  if (idleTimeOut !== null && idleTimeOut > 0 && idleTimeOut < idleMsMin) {
    const text = `idle-time-out of ${idleTimeOut} ms is below the ${idleMsMin} ms we keep up with`
    return new ProtocolViolation('connection', conditions.notAllowed, text)
  }
  return null
}
