// Between an operation with its request and an HTTP request line with its body, both ways, derived from the contract's
// tables. Pure: the server and the client of the control API are two thin shells around it.

import { EhubError } from '../../base/error.ts'
import type { ControlOperation, ControlRequest } from './contract.ts'
import { controlOperations, type FieldKind, requestFields, routes } from './routes.ts'

/** All paths begin with it; a change that an older client cannot follow gets a new one. */
export const pathPrefix = '/v1'

export interface HttpRequest {
  readonly method: string
  /** Path with query. */
  readonly path: string
  /** JSON, null when nothing is sent. */
  readonly body: string | null
}

/** What to send for an operation. */
export function encodeRequest<O extends ControlOperation>(operation: O, request: ControlRequest<O>): HttpRequest {
  const { method, path } = routes[operation]
  const rest = new Map<string, unknown>(Object.entries(request).filter(([, value]) => value !== undefined))
  const filled = path.replace(/:(\w+)/g, (_, name: string) => {
    const value = rest.get(name)
    rest.delete(name)
    return encodeURIComponent(String(value))
  })
  if (method !== 'GET') {
    const body = rest.size === 0 ? null : JSON.stringify(Object.fromEntries(rest))
    return { method, path: pathPrefix + filled, body }
  }
  const query = new URLSearchParams(
    [...rest].map(([name, value]): [string, string] => [name, String(value)]),
  ).toString()
  return { method, path: pathPrefix + filled + (query === '' ? '' : `?${query}`), body: null }
}

export type Resolution =
  | { readonly kind: 'operation'; readonly operation: ControlOperation; readonly params: ReadonlyMap<string, string> }
  | { readonly kind: 'wrong-method'; readonly allowed: readonly string[] }
  | { readonly kind: 'unknown' }

/** Which operation a request line names. Path parameters are decoded; a malformed escape names nothing. */
export function resolveRoute(method: string, path: string): Resolution {
  const segments = pathSegments(path)
  if (segments === null) return { kind: 'unknown' }
  const allowed: string[] = []
  for (const operation of controlOperations) {
    const route = routes[operation]
    const params = matchSegments(route.path.slice(1).split('/'), segments)
    if (params === null) continue
    if (route.method === method) return { kind: 'operation', operation, params }
    allowed.push(route.method)
  }
  return allowed.length > 0 ? { kind: 'wrong-method', allowed } : { kind: 'unknown' }
}

/**
 * The typed request of an operation, from its path parameters and its query or body. Only declared fields are read, so a key
 * such as `__proto__` is never more than an unknown field; unknown fields are ignored.
 * @param sent Decoded JSON body, or the query as an object of texts; null when there is none.
 * @throws EhubError `argument-error` naming the field.
 */
export function decodeRequest<O extends ControlOperation>(
  operation: O,
  params: ReadonlyMap<string, string>,
  sent: unknown,
): ControlRequest<O> {
  if (sent !== null && (typeof sent !== 'object' || Array.isArray(sent))) {
    throw new EhubError('argument-error', 'the body must be a JSON object')
  }
  const fields: Readonly<Record<string, FieldKind>> = requestFields[operation]
  const decoded: [string, unknown][] = []
  for (const [name, kind] of Object.entries(fields)) {
    const value = params.get(name) ?? ownValue(sent, name)
    if (value === undefined) {
      if (!kind.endsWith('?')) throw new EhubError('argument-error', `"${name}" is missing`)
      continue
    }
    decoded.push([name, decodeField(name, kind, value)])
  }
  // The table above is checked against the request types where it is declared.
  return Object.fromEntries(decoded) as ControlRequest<O>
}

function ownValue(sent: object | null, name: string): unknown {
  if (sent === null || !Object.hasOwn(sent, name)) return undefined
  return Reflect.get(sent, name)
}

function decodeField(name: string, kind: FieldKind, value: unknown): unknown {
  switch (kind) {
    case 'text':
    case 'text?':
      if (typeof value === 'string') return value
      break
    case 'text|null?':
      if (typeof value === 'string' || value === null) return value
      break
    case 'integer|null?':
      return value === null ? null : decodeField(name, 'integer', value)
    case 'integer':
    case 'integer?': {
      // Path and query carry texts.
      const number = typeof value === 'string' && /^-?\d{1,16}$/.test(value) ? Number(value) : value
      if (typeof number === 'number' && Number.isSafeInteger(number)) return number
      break
    }
    case 'boolean?':
      if (value === true || value === 'true') return true
      if (value === false || value === 'false') return false
      break
    case 'texts?':
      if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value
      break
    case 'position':
      return decodePosition(value)
    case 'checkpoints':
      return decodeCheckpoints(value)
  }
  throw new EhubError('argument-error', `"${name}" must be ${kindNames[kind]}`)
}

const kindNames = {
  text: 'a text',
  'text?': 'a text',
  'text|null?': 'a text or null',
  integer: 'a safe integer',
  'integer?': 'a safe integer',
  'integer|null?': 'a safe integer or null',
  'boolean?': 'true or false',
  'texts?': 'a list of texts',
  position: 'a position',
  checkpoints: 'a list of checkpoints',
} as const satisfies Record<FieldKind, string>

const positionNumbers: Readonly<Record<string, string>> = { sequence: 'sequence', offset: 'offset', time: 'timeMs' }

function decodePosition(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) throw new EhubError('argument-error', '"position" must be an object')
  const kind = ownValue(value, 'kind')
  if (kind === 'beginning') return { kind }
  const isInclusive = ownValue(value, 'isInclusive')
  if (typeof isInclusive !== 'boolean') {
    throw new EhubError('argument-error', '"position.isInclusive" must be true or false')
  }
  if (kind === 'end') return { kind, isInclusive }
  const name = typeof kind === 'string' && Object.hasOwn(positionNumbers, kind) ? positionNumbers[kind] : undefined
  if (name === undefined) {
    throw new EhubError('argument-error', '"position.kind" must be beginning, end, sequence, offset or time')
  }
  return { kind, [name]: decodeField(`position.${name}`, 'integer', ownValue(value, name)), isInclusive }
}

/** Bounds one command's work; a bigger group of partitions comes in several. */
const checkpointsMax = 5000

function decodeCheckpoints(value: unknown): unknown {
  if (!Array.isArray(value) || value.length > checkpointsMax) {
    throw new EhubError('argument-error', `"checkpoints" must be a list of at most ${checkpointsMax}`)
  }
  return value.map((item: unknown) => {
    if (typeof item !== 'object' || item === null) {
      throw new EhubError('argument-error', '"checkpoints" must hold objects')
    }
    const offset = ownValue(item, 'offset')
    return {
      partition: decodeField('checkpoints.partition', 'integer', ownValue(item, 'partition')),
      sequence: decodeField('checkpoints.sequence', 'integer', ownValue(item, 'sequence')),
      ...(offset === undefined ? {} : { offset: decodeField('checkpoints.offset', 'text', offset) }),
    }
  })
}

function pathSegments(path: string): readonly string[] | null {
  const bare = path.split('?', 1)[0] ?? ''
  if (!bare.startsWith(`${pathPrefix}/`)) return null
  try {
    return bare
      .slice(pathPrefix.length + 1)
      .split('/')
      .map(decodeURIComponent)
  } catch {
    // Not valid percent-encoding: names nothing.
    return null
  }
}

function matchSegments(pattern: readonly string[], segments: readonly string[]): ReadonlyMap<string, string> | null {
  if (pattern.length !== segments.length) return null
  const params = new Map<string, string>()
  for (const [index, part] of pattern.entries()) {
    const segment = segments[index] ?? ''
    if (part.startsWith(':')) {
      if (segment === '') return null
      params.set(part.slice(1), segment)
    } else if (part !== segment) return null
  }
  return params
}
