// Every name Event Hubs uses on the AMQP wire, once. Sources: the AMQP 1.0 specification for descriptors and `amqp:`
// conditions; the official SDKs for everything that is Microsoft's.

// ---------------------------------------------------------------- descriptors

/** Symbolic descriptors, which a peer may send in place of the numeric ones, and their codes. */
export const descriptorCodes: ReadonlyMap<string, number> = new Map([
  ['amqp:open:list', 0x10],
  ['amqp:begin:list', 0x11],
  ['amqp:attach:list', 0x12],
  ['amqp:flow:list', 0x13],
  ['amqp:transfer:list', 0x14],
  ['amqp:disposition:list', 0x15],
  ['amqp:detach:list', 0x16],
  ['amqp:end:list', 0x17],
  ['amqp:close:list', 0x18],
  ['amqp:error:list', 0x1d],
  ['amqp:received:list', 0x23],
  ['amqp:accepted:list', 0x24],
  ['amqp:rejected:list', 0x25],
  ['amqp:released:list', 0x26],
  ['amqp:modified:list', 0x27],
  ['amqp:source:list', 0x28],
  ['amqp:target:list', 0x29],
  ['amqp:coordinator:list', 0x30],
  ['amqp:sasl-mechanisms:list', 0x40],
  ['amqp:sasl-init:list', 0x41],
  ['amqp:sasl-challenge:list', 0x42],
  ['amqp:sasl-response:list', 0x43],
  ['amqp:sasl-outcome:list', 0x44],
  ['amqp:header:list', 0x70],
  ['amqp:delivery-annotations:map', 0x71],
  ['amqp:message-annotations:map', 0x72],
  ['amqp:properties:list', 0x73],
  ['amqp:application-properties:map', 0x74],
  ['amqp:data:binary', 0x75],
  ['amqp:amqp-sequence:list', 0x76],
  ['amqp:amqp-value:*', 0x77],
  ['amqp:footer:map', 0x78],
])

/** Low byte of the descriptor of each message section (AMQP 1.0 §3.2). */
export const sectionCodes = {
  header: 0x70,
  deliveryAnnotations: 0x71,
  messageAnnotations: 0x72,
  properties: 0x73,
  applicationProperties: 0x74,
  data: 0x75,
  sequence: 0x76,
  value: 0x77,
  footer: 0x78,
} as const

// ---------------------------------------------------------------- message formats

export const messageFormats = {
  /** One event is the message. */
  single: 0,
  /** The body is data sections that hold one encoded message each. */
  batch: 0x80013700,
} as const

// ---------------------------------------------------------------- annotations

/** Keys (symbols) of message annotations. */
export const annotations = {
  /** long */
  sequenceNumber: 'x-opt-sequence-number',
  /** string, decimal */
  offset: 'x-opt-offset',
  /** timestamp */
  enqueuedTime: 'x-opt-enqueued-time',
  /** string of at most 128 characters, from the producer */
  partitionKey: 'x-opt-partition-key',
  /** string, only of events that came over a publisher link */
  publisher: 'x-opt-publisher',
  /** short, idempotent publishing */
  producerEpoch: 'com.microsoft:producer-epoch',
  /** long, idempotent publishing */
  producerId: 'com.microsoft:producer-id',
  /** int, idempotent publishing */
  producerSequenceNumber: 'com.microsoft:producer-sequence-number',
} as const

/** Keys (symbols) of the delivery annotations a receiver with the runtime metric capability gets; all four or none. */
export const runtimeMetricKeys = {
  /** long */
  lastSequence: 'last_enqueued_sequence_number',
  /** string */
  lastOffset: 'last_enqueued_offset',
  /** timestamp */
  lastEnqueuedTime: 'last_enqueued_time_utc',
  /** timestamp */
  retrievedAt: 'runtime_info_retrieval_time_utc',
} as const

// ---------------------------------------------------------------- links

export const capabilities = {
  idempotentProducer: 'com.microsoft:idempotent-producer',
  georeplication: 'com.microsoft:georeplication',
  runtimeMetric: 'com.microsoft:enable-receiver-runtime-metric',
} as const

/** Keys (symbols) of attach properties; the producer's three are those of `annotations`. */
export const linkProperties = {
  /** long: the owner level of an exclusive receiver */
  epoch: 'com.microsoft:epoch',
  /** string */
  receiverName: 'com.microsoft:receiver-name',
  /** The Rust SDK's spelling of the above. */
  receiverNameRust: 'com.microsoft.com:receiver-name',
  /** int: 7 event hub, 8 consumer group, 9 partition */
  entityType: 'com.microsoft:entity-type',
  /** milliseconds, uint or long */
  timeout: 'com.microsoft:timeout',
} as const

/** Key of the position filter in a source's filter map. The value's descriptor differs between clients: never look at it. */
export const selectorFilterKey = 'apache.org:selector-filter:string'

/** Numeric descriptor most clients give the position filter, Apache's registered one. */
export const selectorFilterCode = 0x0000468c00000004n

export const nodes = { cbs: '$cbs', management: '$management' } as const

// ---------------------------------------------------------------- $cbs and $management

/** Keys (strings) of application properties of requests and replies. */
export const requestKeys = {
  operation: 'operation',
  type: 'type',
  name: 'name',
  partition: 'partition',
  securityToken: 'security_token',
  expiration: 'expiration',
  serverTimeout: 'server-timeout',
  /** int */
  statusCode: 'status-code',
  /** string */
  statusDescription: 'status-description',
  /** symbol */
  errorCondition: 'error-condition',
} as const

export const requestValues = {
  putToken: 'put-token',
  sasToken: 'servicebus.windows.net:sastoken',
  jsonWebToken: 'jwt',
  read: 'READ',
  eventHub: 'com.microsoft:eventhub',
  partition: 'com.microsoft:partition',
} as const

/** Keys (strings) of the body map of a `$management` reply, with the exact types clients insist on. */
export const managementKeys = {
  /** string */
  name: 'name',
  /** string */
  type: 'type',
  /** timestamp */
  createdAt: 'created_at',
  /** int */
  partitionCount: 'partition_count',
  /** array of string */
  partitionIds: 'partition_ids',
  /** int */
  georeplicationFactor: 'georeplication_factor',
  /** string */
  partition: 'partition',
  /** long */
  beginSequence: 'begin_sequence_number',
  /** int */
  beginSequenceEpoch: 'begin_sequence_number_epoch',
  /** long, -1 when empty */
  lastSequence: 'last_enqueued_sequence_number',
  /** int */
  lastSequenceEpoch: 'last_enqueued_sequence_number_epoch',
  /** string, "-1" when empty */
  lastOffset: 'last_enqueued_offset',
  /** timestamp, 0001-01-01 when empty */
  lastEnqueuedTime: 'last_enqueued_time_utc',
  /** boolean */
  isEmpty: 'is_partition_empty',
} as const

/** 0001-01-01T00:00:00Z, .NET's smallest time, as Unix milliseconds: what an empty partition says. */
export const timeNeverMs = -62_135_596_800_000

// ---------------------------------------------------------------- conditions

/** Error conditions (symbols) that are no projection of an error code: the protocol's own. Others: `wire/errors.ts`. */
export const conditions = {
  connectionForced: 'amqp:connection:forced',
  framingError: 'amqp:connection:framing-error',
  windowViolation: 'amqp:session:window-violation',
  errantLink: 'amqp:session:errant-link',
  handleInUse: 'amqp:session:handle-in-use',
  unattachedHandle: 'amqp:session:unattached-handle',
  detachForced: 'amqp:link:detach-forced',
  transferLimitExceeded: 'amqp:link:transfer-limit-exceeded',
  messageSizeExceeded: 'amqp:link:message-size-exceeded',
  stolen: 'amqp:link:stolen',
  internalError: 'amqp:internal-error',
  notFound: 'amqp:not-found',
  unauthorizedAccess: 'amqp:unauthorized-access',
  decodeError: 'amqp:decode-error',
  resourceLimitExceeded: 'amqp:resource-limit-exceeded',
  notAllowed: 'amqp:not-allowed',
  invalidField: 'amqp:invalid-field',
  notImplemented: 'amqp:not-implemented',
  preconditionFailed: 'amqp:precondition-failed',
  illegalState: 'amqp:illegal-state',
  frameSizeTooSmall: 'amqp:frame-size-too-small',
  serverBusy: 'com.microsoft:server-busy',
  argumentError: 'com.microsoft:argument-error',
  argumentOutOfRange: 'com.microsoft:argument-out-of-range',
  timeout: 'com.microsoft:timeout',
  operationCancelled: 'com.microsoft:operation-cancelled',
  producerEpochStolen: 'com.microsoft:producer-epoch-stolen',
  outOfOrderSequence: 'com.microsoft:out-of-order-sequence',
  publisherRevoked: 'com.microsoft:publisher-revoked',
} as const

// ---------------------------------------------------------------- SASL

/** In the order the service offers them. MSSBCBS is .NET's: anonymous, rights come through $cbs. */
export const saslMechanisms = {
  cbs: 'MSSBCBS',
  plain: 'PLAIN',
  anonymous: 'ANONYMOUS',
  external: 'EXTERNAL',
} as const

/** WebSocket subprotocol of Event Hubs. */
export const webSocketSubprotocol = 'AMQPWSB10'
/** Path of the WebSocket endpoint; .NET adds a trailing slash, some encode the `$`. */
export const webSocketPath = '/$servicebus/websocket'
