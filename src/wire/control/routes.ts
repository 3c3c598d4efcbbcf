// The control API: one table from which the server's routes, the client's calls and the documents are made. What the operations
// are asked and answer is in `contract.ts`.

import { captureFields, captureRoutes } from './capture-contract.ts'
import type { ControlOperation, ControlRequest } from './contract.ts'

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Below `/v1`. */
  readonly path: string
}

export const routes = {
  status: { method: 'GET', path: '/status' },
  shutdown: { method: 'POST', path: '/shutdown' },
  listHubs: { method: 'GET', path: '/hubs' },
  createHub: { method: 'PUT', path: '/hubs/:hub' },
  updateHub: { method: 'POST', path: '/hubs/:hub' },
  expireHub: { method: 'POST', path: '/hubs/:hub/expire' },
  compactPartition: { method: 'POST', path: '/hubs/:hub/partitions/:partition/compact' },
  purgePartition: { method: 'POST', path: '/hubs/:hub/partitions/:partition/purge' },
  describeHub: { method: 'GET', path: '/hubs/:hub' },
  deleteHub: { method: 'DELETE', path: '/hubs/:hub' },
  createGroup: { method: 'PUT', path: '/hubs/:hub/groups/:group' },
  deleteGroup: { method: 'DELETE', path: '/hubs/:hub/groups/:group' },
  listRules: { method: 'GET', path: '/rules' },
  storageAccount: { method: 'GET', path: '/storage-account' },
  listReceivers: { method: 'GET', path: '/receivers' },
  kickReceiver: { method: 'DELETE', path: '/receivers/:id' },
  listCheckpoints: { method: 'GET', path: '/hubs/:hub/groups/:group/checkpoints' },
  listOwners: { method: 'GET', path: '/hubs/:hub/groups/:group/owners' },
  claimOwnership: { method: 'PUT', path: '/hubs/:hub/groups/:group/owners/:partition' },
  setCheckpoint: { method: 'PUT', path: '/hubs/:hub/groups/:group/checkpoints/:partition' },
  setCheckpoints: { method: 'PUT', path: '/hubs/:hub/groups/:group/checkpoints' },
  clearCheckpoint: { method: 'DELETE', path: '/hubs/:hub/groups/:group/checkpoints/:partition' },
  lag: { method: 'GET', path: '/lag' },
  lagHistory: { method: 'GET', path: '/hubs/:hub/groups/:group/partitions/:partition/lag' },
  verifyPartition: { method: 'POST', path: '/hubs/:hub/partitions/:partition/verify' },
  ...captureRoutes,
  showClock: { method: 'GET', path: '/clock' },
  moveClock: { method: 'POST', path: '/clock' },
  diagnose: { method: 'GET', path: '/diagnosis' },
  resolvePosition: { method: 'POST', path: '/hubs/:hub/partitions/:partition/resolve' },
} as const satisfies Record<ControlOperation, Route>

export const controlOperations = Object.keys(routes) as readonly ControlOperation[]

/** How a field travels and whether it may be left out; texts in paths and queries are converted. */
export type FieldKind =
  | 'text'
  | 'text?'
  | 'text|null?'
  | 'integer'
  | 'integer?'
  | 'integer|null?'
  | 'boolean?'
  | 'texts?'
  | 'position'
  | 'checkpoints'

const hubOnly = { hub: 'text' } as const
const settings = {
  retentionMs: 'integer|null?',
  cleanup: 'text?',
  tombstoneRetentionMs: 'integer?',
  minCompactionLagMs: 'integer?',
} as const
const hubAndGroup = { hub: 'text', group: 'text' } as const

/** Fields of each request: what the server reads, and all it reads. */
export const requestFields = {
  status: {},
  shutdown: { graceMs: 'integer?' },
  listHubs: {},
  createHub: {
    hub: 'text',
    partitionCount: 'integer?',
    durability: 'text?',
    groups: 'texts?',
    ifNotExists: 'boolean?',
    ...settings,
  },
  updateHub: { hub: 'text', partitionCount: 'integer?', ...settings },
  expireHub: { hub: 'text', isClockRight: 'boolean?' },
  compactPartition: { hub: 'text', partition: 'integer' },
  purgePartition: { hub: 'text', partition: 'integer', sequence: 'integer' },
  describeHub: hubOnly,
  deleteHub: hubOnly,
  createGroup: { hub: 'text', group: 'text', ifNotExists: 'boolean?' },
  deleteGroup: hubAndGroup,
  listRules: {},
  storageAccount: {},
  listReceivers: { hub: 'text?' },
  kickReceiver: { id: 'integer' },
  listCheckpoints: { hub: 'text', group: 'text', store: 'text?' },
  listOwners: { hub: 'text', group: 'text', store: 'text?' },
  claimOwnership: {
    hub: 'text',
    group: 'text',
    partition: 'integer',
    owner: 'text|null?',
    ifMatch: 'text|null?',
    store: 'text?',
  },
  setCheckpoint: {
    hub: 'text',
    group: 'text',
    partition: 'integer',
    sequence: 'integer',
    offset: 'text?',
    owner: 'text?',
    ifMatch: 'text|null?',
    store: 'text?',
    isDeliberate: 'boolean?',
  },
  setCheckpoints: {
    hub: 'text',
    group: 'text',
    checkpoints: 'checkpoints',
    owner: 'text?',
    store: 'text?',
    isDeliberate: 'boolean?',
  },
  clearCheckpoint: { hub: 'text', group: 'text', partition: 'integer', store: 'text?' },
  lag: { hub: 'text?', group: 'text?', isFresh: 'boolean?' },
  lagHistory: { hub: 'text', group: 'text', partition: 'integer', fromMs: 'integer' },
  verifyPartition: {
    hub: 'text',
    partition: 'integer',
    sequence: 'integer?',
    offset: 'integer?',
    timeMs: 'integer?',
  },
  ...captureFields,
  showClock: {},
  moveClock: { action: 'text', timeMs: 'integer?', byMs: 'integer?' },
  diagnose: {},
  resolvePosition: { hub: 'text', partition: 'integer', position: 'position' },
} as const satisfies {
  readonly [O in ControlOperation]: { readonly [K in keyof Required<ControlRequest<O>>]: FieldKind }
}
