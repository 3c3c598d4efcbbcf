// The composite types of AMQP 1.0 as tables (parts 2 and 5 of the specification; message sections are in `message.ts`).
// A table is the only place where a field is named; types, decoding, encoding and defaults follow from it.

import type { AmqpMap, AmqpValue } from './types.ts'

/** What a field of each type is in our objects. */
export interface FieldTypes {
  readonly boolean: boolean
  /** On the wire a boolean: false for the sender. */
  readonly role: 'sender' | 'receiver'
  readonly ubyte: number
  readonly ushort: number
  readonly uint: number
  readonly ulong: bigint
  /** Unix milliseconds. */
  readonly timestamp: bigint
  /** Decodes from string, symbol or binary; Python sends names as binary. */
  readonly string: string
  readonly symbol: string
  readonly binary: Buffer
  /** One symbol or an array of symbols on the wire ("multiple"); we always write an array. */
  readonly symbols: readonly string[]
  readonly map: AmqpMap
  readonly value: AmqpValue
  readonly error: AmqpError
  readonly source: Source
  readonly target: Target
  readonly state: DeliveryState
}

export interface Field {
  readonly name: string
  readonly type: keyof FieldTypes
  /** Must be there: a composite without it does not decode. */
  readonly isMandatory?: true
  /** The specification's default: what an absent or null field decodes to. */
  readonly default?: boolean | number | string
}

export interface CompositeTable {
  readonly name: string
  /** Low byte of the descriptor 0x00000000:0x000000__. */
  readonly code: number
  readonly fields: readonly Field[]
}

type FieldOf<T extends CompositeTable> = T['fields'][number]

/** A decoded composite: every field is there; an absent one has its default or null. */
export type Composite<T extends CompositeTable> = {
  readonly [F in FieldOf<T> as F['name']]: F extends { isMandatory: true } | { default: unknown }
    ? FieldTypes[F['type']]
    : FieldTypes[F['type']] | null
}

/** What an encoder takes: mandatory fields, and any of the others; null or nothing is written as null. */
export type CompositeInput<T extends CompositeTable> = {
  readonly [F in FieldOf<T> as F extends { isMandatory: true } ? F['name'] : never]: InputTypes[F['type']]
} & {
  readonly [F in FieldOf<T> as F extends { isMandatory: true } ? never : F['name']]?: InputTypes[F['type']] | null
}

interface InputTypes extends Omit<FieldTypes, 'error' | 'source' | 'target' | 'state'> {
  readonly error: AmqpErrorInput
  readonly source: SourceInput
  readonly target: TargetInput
  readonly state: DeliveryStateInput
}

export type AmqpError = Composite<typeof errorTable>
export type AmqpErrorInput = CompositeInput<typeof errorTable>
export type Source = Composite<typeof sourceTable>
export type SourceInput = CompositeInput<typeof sourceTable>
export type Target = Composite<typeof targetTable>
export type TargetInput = CompositeInput<typeof targetTable>

type StateTables = typeof stateTables
/** `other`: a state this product does not know (transactions), kept as it came. */
export type DeliveryState =
  | { readonly [K in keyof StateTables]: { readonly kind: K } & Composite<StateTables[K]> }[keyof StateTables]
  | { readonly kind: 'other'; readonly value: AmqpValue }
export type DeliveryStateInput =
  | { readonly [K in keyof StateTables]: { readonly kind: K } & CompositeInput<StateTables[K]> }[keyof StateTables]
  | { readonly kind: 'other'; readonly value: AmqpValue }

// ---------------------------------------------------------------- §2.8.14 error

export const errorTable = {
  name: 'error',
  code: 0x1d,
  fields: [
    { name: 'condition', type: 'symbol', isMandatory: true },
    { name: 'description', type: 'string' },
    { name: 'info', type: 'map' },
  ],
} as const satisfies CompositeTable

// ---------------------------------------------------------------- §3.4 delivery state

export const stateTables = {
  received: {
    name: 'received',
    code: 0x23,
    fields: [
      { name: 'sectionNumber', type: 'uint', isMandatory: true },
      { name: 'sectionOffset', type: 'ulong', isMandatory: true },
    ],
  },
  accepted: { name: 'accepted', code: 0x24, fields: [] },
  rejected: { name: 'rejected', code: 0x25, fields: [{ name: 'error', type: 'error' }] },
  released: { name: 'released', code: 0x26, fields: [] },
  modified: {
    name: 'modified',
    code: 0x27,
    fields: [
      { name: 'deliveryFailed', type: 'boolean' },
      { name: 'undeliverableHere', type: 'boolean' },
      { name: 'messageAnnotations', type: 'map' },
    ],
  },
} as const satisfies Record<string, CompositeTable>

// ---------------------------------------------------------------- §3.5 sources and targets

export const sourceTable = {
  name: 'source',
  code: 0x28,
  fields: [
    { name: 'address', type: 'string' },
    { name: 'durable', type: 'uint', default: 0 },
    { name: 'expiryPolicy', type: 'symbol', default: 'session-end' },
    { name: 'timeout', type: 'uint', default: 0 },
    { name: 'dynamic', type: 'boolean', default: false },
    { name: 'dynamicNodeProperties', type: 'map' },
    { name: 'distributionMode', type: 'symbol' },
    { name: 'filter', type: 'map' },
    { name: 'defaultOutcome', type: 'state' },
    { name: 'outcomes', type: 'symbols' },
    { name: 'capabilities', type: 'symbols' },
  ],
} as const satisfies CompositeTable

export const targetTable = {
  name: 'target',
  code: 0x29,
  fields: [
    { name: 'address', type: 'string' },
    { name: 'durable', type: 'uint', default: 0 },
    { name: 'expiryPolicy', type: 'symbol', default: 'session-end' },
    { name: 'timeout', type: 'uint', default: 0 },
    { name: 'dynamic', type: 'boolean', default: false },
    { name: 'dynamicNodeProperties', type: 'map' },
    { name: 'capabilities', type: 'symbols' },
  ],
} as const satisfies CompositeTable

// ---------------------------------------------------------------- §2.7 performatives

export const performativeTables = {
  open: {
    name: 'open',
    code: 0x10,
    fields: [
      { name: 'containerId', type: 'string', isMandatory: true },
      { name: 'hostname', type: 'string' },
      { name: 'maxFrameSize', type: 'uint', default: 0xffffffff },
      { name: 'channelMax', type: 'ushort', default: 0xffff },
      /** Milliseconds. */
      { name: 'idleTimeOut', type: 'uint' },
      { name: 'outgoingLocales', type: 'symbols' },
      { name: 'incomingLocales', type: 'symbols' },
      { name: 'offeredCapabilities', type: 'symbols' },
      { name: 'desiredCapabilities', type: 'symbols' },
      { name: 'properties', type: 'map' },
    ],
  },
  begin: {
    name: 'begin',
    code: 0x11,
    fields: [
      { name: 'remoteChannel', type: 'ushort' },
      { name: 'nextOutgoingId', type: 'uint', isMandatory: true },
      { name: 'incomingWindow', type: 'uint', isMandatory: true },
      { name: 'outgoingWindow', type: 'uint', isMandatory: true },
      { name: 'handleMax', type: 'uint', default: 0xffffffff },
      { name: 'offeredCapabilities', type: 'symbols' },
      { name: 'desiredCapabilities', type: 'symbols' },
      { name: 'properties', type: 'map' },
    ],
  },
  attach: {
    name: 'attach',
    code: 0x12,
    fields: [
      { name: 'name', type: 'string', isMandatory: true },
      { name: 'handle', type: 'uint', isMandatory: true },
      { name: 'role', type: 'role', isMandatory: true },
      /** 0 unsettled, 1 settled, 2 mixed. */
      { name: 'sndSettleMode', type: 'ubyte', default: 2 },
      /** 0 first, 1 second. */
      { name: 'rcvSettleMode', type: 'ubyte', default: 0 },
      { name: 'source', type: 'source' },
      { name: 'target', type: 'target' },
      { name: 'unsettled', type: 'map' },
      { name: 'incompleteUnsettled', type: 'boolean', default: false },
      { name: 'initialDeliveryCount', type: 'uint' },
      { name: 'maxMessageSize', type: 'ulong' },
      { name: 'offeredCapabilities', type: 'symbols' },
      { name: 'desiredCapabilities', type: 'symbols' },
      { name: 'properties', type: 'map' },
    ],
  },
  flow: {
    name: 'flow',
    code: 0x13,
    fields: [
      { name: 'nextIncomingId', type: 'uint' },
      { name: 'incomingWindow', type: 'uint', isMandatory: true },
      { name: 'nextOutgoingId', type: 'uint', isMandatory: true },
      { name: 'outgoingWindow', type: 'uint', isMandatory: true },
      { name: 'handle', type: 'uint' },
      { name: 'deliveryCount', type: 'uint' },
      { name: 'linkCredit', type: 'uint' },
      { name: 'available', type: 'uint' },
      { name: 'drain', type: 'boolean', default: false },
      { name: 'echo', type: 'boolean', default: false },
      { name: 'properties', type: 'map' },
    ],
  },
  /** The hot ones have fast paths in `transfer.ts`. */
  transfer: {
    name: 'transfer',
    code: 0x14,
    fields: [
      { name: 'handle', type: 'uint', isMandatory: true },
      { name: 'deliveryId', type: 'uint' },
      { name: 'deliveryTag', type: 'binary' },
      { name: 'messageFormat', type: 'uint' },
      { name: 'settled', type: 'boolean' },
      { name: 'more', type: 'boolean', default: false },
      { name: 'rcvSettleMode', type: 'ubyte' },
      { name: 'state', type: 'state' },
      { name: 'resume', type: 'boolean', default: false },
      { name: 'aborted', type: 'boolean', default: false },
      { name: 'batchable', type: 'boolean', default: false },
    ],
  },
  disposition: {
    name: 'disposition',
    code: 0x15,
    fields: [
      { name: 'role', type: 'role', isMandatory: true },
      { name: 'first', type: 'uint', isMandatory: true },
      /** Absent: the same as `first`. */
      { name: 'last', type: 'uint' },
      { name: 'settled', type: 'boolean', default: false },
      { name: 'state', type: 'state' },
      { name: 'batchable', type: 'boolean', default: false },
    ],
  },
  detach: {
    name: 'detach',
    code: 0x16,
    fields: [
      { name: 'handle', type: 'uint', isMandatory: true },
      { name: 'closed', type: 'boolean', default: false },
      { name: 'error', type: 'error' },
    ],
  },
  end: { name: 'end', code: 0x17, fields: [{ name: 'error', type: 'error' }] },
  close: { name: 'close', code: 0x18, fields: [{ name: 'error', type: 'error' }] },
} as const satisfies Record<string, CompositeTable>

// ---------------------------------------------------------------- §5.3.3 SASL

export const saslTables = {
  'sasl-mechanisms': {
    name: 'sasl-mechanisms',
    code: 0x40,
    fields: [{ name: 'mechanisms', type: 'symbols', isMandatory: true }],
  },
  'sasl-init': {
    name: 'sasl-init',
    code: 0x41,
    fields: [
      { name: 'mechanism', type: 'symbol', isMandatory: true },
      { name: 'initialResponse', type: 'binary' },
      { name: 'hostname', type: 'string' },
    ],
  },
  'sasl-challenge': {
    name: 'sasl-challenge',
    code: 0x42,
    fields: [{ name: 'challenge', type: 'binary', isMandatory: true }],
  },
  'sasl-response': {
    name: 'sasl-response',
    code: 0x43,
    fields: [{ name: 'response', type: 'binary', isMandatory: true }],
  },
  'sasl-outcome': {
    name: 'sasl-outcome',
    code: 0x44,
    fields: [
      /** 0 ok, 1 auth, 2 sys, 3 sys-perm, 4 sys-temp. */
      { name: 'code', type: 'ubyte', isMandatory: true },
      { name: 'additionalData', type: 'binary' },
    ],
  },
} as const satisfies Record<string, CompositeTable>

// ---------------------------------------------------------------- §3.2 message sections

// Without defaults: what a producer did not say is shown, and sent on, as not said.

export const headerTable = {
  name: 'header',
  code: 0x70,
  fields: [
    { name: 'durable', type: 'boolean' },
    { name: 'priority', type: 'ubyte' },
    /** Milliseconds. */
    { name: 'ttl', type: 'uint' },
    { name: 'firstAcquirer', type: 'boolean' },
    { name: 'deliveryCount', type: 'uint' },
  ],
} as const satisfies CompositeTable

export const propertiesTable = {
  name: 'properties',
  code: 0x73,
  fields: [
    /** ulong, uuid, binary or string; the type counts when a reply is matched with its request. */
    { name: 'messageId', type: 'value' },
    { name: 'userId', type: 'binary' },
    { name: 'to', type: 'string' },
    { name: 'subject', type: 'string' },
    { name: 'replyTo', type: 'string' },
    { name: 'correlationId', type: 'value' },
    { name: 'contentType', type: 'symbol' },
    { name: 'contentEncoding', type: 'symbol' },
    { name: 'absoluteExpiryTime', type: 'timestamp' },
    { name: 'creationTime', type: 'timestamp' },
    { name: 'groupId', type: 'string' },
    { name: 'groupSequence', type: 'uint' },
    { name: 'replyToGroupId', type: 'string' },
  ],
} as const satisfies CompositeTable
