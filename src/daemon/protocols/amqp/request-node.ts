// What `$cbs` and `$management` have in common: a request is a message with application properties, a reply carries a status
// code, a description and maybe a body. Types are exact: SDKs unbox the code as int and look the condition up as symbol.

import { type EhubError, isEhubError } from '../../../base/error.ts'
import { type AmqpMessage, encodeMessage } from '../../../wire/amqp/message.ts'
import { requestKeys } from '../../../wire/amqp/names.ts'
import {
  type AmqpMap,
  type AmqpValue,
  intValue,
  mapEntry,
  stringValue,
  symbolValue,
  textOf,
} from '../../../wire/amqp/types.ts'
import { projectError } from '../../../wire/errors.ts'
import type { LinkHost } from './hosts.ts'
import type { Place } from './refusals.ts'

export interface Reply {
  /** As in HTTP. */
  readonly status: number
  readonly description: string
  /** Condition symbol of a failure. */
  readonly condition?: string
  readonly body?: AmqpMap
}

export interface RequestNode {
  readonly name: string
  /** Whether the links of the request and its reply name the same node. */
  isSameAs(other: RequestNode): boolean
  /** Before a link is attached. @throws EhubError. */
  check(session: LinkHost): void
  /** @throws EhubError, also as a rejection, which becomes the reply. */
  answer(request: AmqpMessage, session: LinkHost): Reply | Promise<Reply>
  /** What the request was about, for the words of a failure. */
  placeOf(request: AmqpMessage): Place
}

/** The reply's message: correlated by the request's message-id in its own type, which is what each SDK compares. */
function encodeReply(request: AmqpMessage, reply: Reply): Buffer {
  const properties = request.properties
  const applicationProperties: [AmqpValue, AmqpValue][] = [
    [stringValue(requestKeys.statusCode), intValue(reply.status)],
    [stringValue(requestKeys.statusDescription), stringValue(reply.description)],
  ]
  if (reply.condition !== undefined) {
    applicationProperties.push([stringValue(requestKeys.errorCondition), symbolValue(reply.condition)])
  }
  return encodeMessage({
    properties: {
      to: properties?.replyTo ?? null,
      correlationId: properties?.messageId ?? properties?.correlationId ?? null,
    },
    applicationProperties,
    body: { kind: 'value', value: { type: 'map', value: reply.body ?? [] } },
  })
}

/** A text among the application properties; clients write it as string, symbol or binary. */
export function requestText(request: AmqpMessage, key: string): string | null {
  return textOf(mapEntry(request.applicationProperties, key))
}

/** Answers a request in the form it travels in: at once where nothing has to be waited for. */
export function replyTo(node: RequestNode, request: AmqpMessage, session: LinkHost): Buffer | Promise<Buffer> {
  const refused = (error: unknown): Buffer => {
    if (!isEhubError(error)) throw error
    return encodeReply(request, failure(node, request, session, error))
  }
  try {
    const reply = node.answer(request, session)
    if (!(reply instanceof Promise)) return encodeReply(request, reply)
    return reply.then((late) => encodeReply(request, late), refused)
  } catch (error) {
    return refused(error)
  }
}

function failure(node: RequestNode, request: AmqpMessage, { connection }: LinkHost, error: EhubError): Reply {
  connection.log.info('request refused', { node: node.name, code: error.code, reason: error.message })
  const { condition, description } = connection.refusals.of(error, node.placeOf(request), 'link')
  return { status: projectError(error.code).http, description, condition }
}
