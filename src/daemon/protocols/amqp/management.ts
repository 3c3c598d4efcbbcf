// `$management`: READ of a hub's or a partition's properties. The body is a map of string keys with exact types, which SDKs
// unbox without looking: sequence numbers are long, times timestamp, the partition ids an array of string.

import { EhubError, isEhubError } from '../../../base/error.ts'
import type { AmqpMessage } from '../../../wire/amqp/message.ts'
import { managementKeys as keys, nodes, requestKeys, requestValues, timeNeverMs } from '../../../wire/amqp/names.ts'
import {
  type AmqpMap,
  arrayValue,
  booleanValue,
  intValue,
  longValue,
  stringValue,
  timestampValue,
} from '../../../wire/amqp/types.ts'
import type { HubDescription, PartitionDescription } from '../../broker/broker-api.ts'
import type { ConnectionHost, LinkHost } from './hosts.ts'
import { type Reply, type RequestNode, requestText } from './request-node.ts'

/** @param hub Of an address `<hub>/$management`; null for plain `$management`, where each request names its hub. */
export function managementNode(hub: string | null): RequestNode {
  const node: RequestNode = {
    name: hub === null ? nodes.management : `${hub}/${nodes.management}`,
    isSameAs: (other) => other.name.toLowerCase() === node.name.toLowerCase(),
    check: ({ connection }) => {
      if (hub !== null) connection.context.broker.describeHub(connection.peer.caller, hub)
    },
    placeOf: (request) => {
      const name = requestText(request, requestKeys.name) ?? hub
      const partition = requestText(request, requestKeys.partition)
      return { ...(name === null ? {} : { hub: name }), ...(partition === null ? {} : { partition }) }
    },
    answer: (request, session) => read(request, session, hub),
  }
  return node
}

function read(request: AmqpMessage, { connection }: LinkHost, addressed: string | null): Reply | Promise<Reply> {
  const operation = requestText(request, requestKeys.operation)
  if (operation !== requestValues.read) {
    throw new EhubError('not-supported', `The operation '${operation ?? ''}' is not known to $management; READ is.`)
  }
  const hub = requestText(request, requestKeys.name) ?? addressed
  if (hub === null) throw new EhubError('argument-error', "READ needs the event hub's 'name'.")
  try {
    return describe(request, connection, hub)
  } catch (error) {
    if (!isEhubError(error, 'unauthorized') || !takeToken(request, connection, hub)) throw error
    return describe(request, connection, hub)
  }
}

function describe(request: AmqpMessage, { context, peer }: ConnectionHost, hub: string): Reply | Promise<Reply> {
  const type = requestText(request, requestKeys.type)
  switch (type) {
    case requestValues.eventHub:
      return ok(hubBody(context.broker.describeHub(peer.caller, hub)))
    case requestValues.partition: {
      const partition = requestText(request, requestKeys.partition)
      if (partition === null) throw new EhubError('argument-error', "READ of a partition needs 'partition'.")
      const { broker } = context
      const describeNow = () => ok(partitionBody(broker.describePartition(peer.caller, hub, partition)))
      // Refused as it always was: at once, so that a token the request carries can be taken.
      describeNow()
      return broker.retention.look(peer.caller, hub, partition).then(describeNow)
    }
    default:
      throw new EhubError('argument-error', `The type '${type ?? ''}' cannot be read.`)
  }
}

/**
 * Takes the token a request carries, as if it had come through $cbs: the Java SDK shows one in no other way.
 * @returns False when there is none to take.
 */
function takeToken(request: AmqpMessage, connection: ConnectionHost, hub: string): boolean {
  const token = requestText(request, requestKeys.securityToken)
  if (token === null || !connection.peer.takesTokens) return false
  const kind = token.startsWith('SharedAccessSignature ') ? requestValues.sasToken : requestValues.jsonWebToken
  connection.peer.takeToken(`sb://${connection.refusals.host}/${hub}/${nodes.management}`, kind, token)
  return true
}

function ok(body: AmqpMap): Reply {
  return { status: 200, description: 'OK', body }
}

function hubBody(hub: HubDescription): AmqpMap {
  const ids = Array.from({ length: hub.partitionCount }, (_, id) => stringValue(String(id)))
  return [
    [stringValue(keys.name), stringValue(hub.name)],
    [stringValue(keys.type), stringValue(requestValues.eventHub)],
    [stringValue(keys.createdAt), timestampValue(hub.createdAtMs)],
    [stringValue(keys.partitionCount), intValue(hub.partitionCount)],
    [stringValue(keys.partitionIds), arrayValue('string', ids)],
    [stringValue(keys.georeplicationFactor), intValue(1)],
  ]
}

function partitionBody(partition: PartitionDescription): AmqpMap {
  return [
    [stringValue(keys.name), stringValue(partition.hub)],
    [stringValue(keys.type), stringValue(requestValues.partition)],
    [stringValue(keys.partition), stringValue(String(partition.partition))],
    [stringValue(keys.beginSequence), longValue(partition.beginSequence)],
    [stringValue(keys.beginSequenceEpoch), intValue(0)],
    [stringValue(keys.lastSequence), longValue(partition.lastSequence)],
    [stringValue(keys.lastSequenceEpoch), intValue(0)],
    [stringValue(keys.lastOffset), stringValue(String(partition.lastOffset))],
    [stringValue(keys.lastEnqueuedTime), timestampValue(partition.lastEnqueuedTimeMs ?? timeNeverMs)],
    [stringValue(keys.isEmpty), booleanValue(partition.isEmpty)],
  ]
}
