// `$cbs`: claims-based security. A put-token request hands over a token for an audience; the broker verifies and keeps it.

import { EhubError } from '../../../base/error.ts'
import { type AmqpMessage, bodyData, bodyValue } from '../../../wire/amqp/message.ts'
import { nodes, requestKeys, requestValues } from '../../../wire/amqp/names.ts'
import { textOf } from '../../../wire/amqp/types.ts'
import type { LinkHost } from './hosts.ts'
import { type Reply, type RequestNode, requestText } from './request-node.ts'

export const cbsNode: RequestNode = {
  name: nodes.cbs,
  isSameAs: (other) => other === cbsNode,
  check: () => undefined,
  placeOf: () => ({}),
  answer: putToken,
}

function putToken(request: AmqpMessage, { connection }: LinkHost): Reply {
  const operation = requestText(request, requestKeys.operation)
  if (operation !== requestValues.putToken) {
    throw new EhubError('not-supported', `The operation '${operation ?? ''}' is not known to $cbs; put-token is.`)
  }
  const kind = requestText(request, requestKeys.type)
  const audience = requestText(request, requestKeys.name)
  const token = textOf(bodyValue(request) ?? undefined) ?? bodyData(request)?.toString('utf8') ?? null
  if (kind === null || audience === null || token === null) {
    throw new EhubError('argument-error', "put-token needs 'type', 'name' and a token as its body.")
  }
  connection.peer.takeToken(audience, kind, token)
  connection.log.debug('token accepted', { audience, rule: connection.peer.caller.name })
  return { status: 202, description: 'Accepted' }
}
