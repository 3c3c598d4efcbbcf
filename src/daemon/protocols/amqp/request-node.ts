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
  /** @throws EhubError, which becomes the reply. */
  answer(request: AmqpMessage, session: LinkHost): Reply
  /** What the request was about, for the words of a failure. */
  placeOf(request: AmqpMessage): Place
}

/** The reply's message: correlated by the request's message-id in its own type, which is what each SDK compares. */
export function encodeReply(node: RequestNode, request: AmqpMessage, session: LinkHost): Buffer {
  const reply = replyTo(node, request, session)
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

function replyTo(node: RequestNode, request: AmqpMessage, session: LinkHost): Reply {
  try {
    return node.answer(request, session)
  } catch (error) {
    if (!isEhubError(error)) throw error
    return failure(node, request, session, error)
  }
}

function failure(node: RequestNode, request: AmqpMessage, { connection }: LinkHost, error: EhubError): Reply {
  connection.log.info('request refused', { node: node.name, code: error.code, reason: error.message })
  const { condition, description } = connection.refusals.of(error, node.placeOf(request), 'link')
  return { status: projectError(error.code).http, description, condition }
}
