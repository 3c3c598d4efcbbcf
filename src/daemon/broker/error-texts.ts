// Errors of the broker that several places throw: each names the thing, the number and the way out. Adapters that have the
// service's own sentence for a code use that instead; the sentences that carry the broker's facts are worded as the service
// does (receivers in `owner-levels.ts`, positions in `positions.ts`).

import { EhubError } from '../../base/error.ts'
import type { Right } from './broker-api.ts'

/** Text of a client inside a sentence: bounded, control characters escaped. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)
}

/** 1048576 → `1,048,576`. */
export function grouped(value: number): string {
  return String(value).replace(/\B(?=(?:\d{3})+$)/g, ',')
}

export function hubNotFound(namespace: string, hub: string, known: Iterable<string>): EhubError {
  return new EhubError('hub-not-found', `no hub ${quoted(hub)} in namespace "${namespace}"`, didYouMean(hub, known))
}

export function groupNotFound(hub: string, group: string, known: Iterable<string>): EhubError {
  return new EhubError(
    'group-not-found',
    `no consumer group ${quoted(group)} in hub "${hub}"`,
    didYouMean(group, known),
  )
}

export function partitionNotFound(hub: string, partition: string | number, partitionCount: number): EhubError {
  return new EhubError(
    'partition-not-found',
    `no partition ${quoted(String(partition))} in hub "${hub}": it has ${partitionCount}, from 0 to ${partitionCount - 1}`,
  )
}

const claims = { send: 'Send', listen: 'Listen', manage: 'Manage' } as const satisfies Record<Right, string>

/** The service's sentence; `path` is the entity's path, empty for the namespace. */
export function unauthorized(right: Right | 'any', namespace: string, path: string): EhubError {
  const claim = right === 'any' ? 'Listen' : claims[right]
  return new EhubError(
    'unauthorized',
    `Unauthorized access. '${claim}' claim(s) are required to perform this operation. Resource: 'sb://${namespace}/${path}'`,
  )
}

export function shuttingDown(): EhubError {
  return new EhubError('shutting-down', 'the daemon is shutting down', { retryAfterMs: 1000 })
}

/** The hub went while somebody was using it. */
export function hubDeleted(namespace: string, hub: string): EhubError {
  return new EhubError('hub-not-found', `hub "${hub}" in namespace "${namespace}" was deleted`)
}

function didYouMean(name: string, known: Iterable<string>): { hint?: string } {
  const nearest = nearestName(name, known)
  return nearest === null ? {} : { hint: `did you mean "${nearest}"?` }
}

// Longer names are not compared: the work per failed look-up stays bounded whatever a client asks for.
const comparedLengthMax = 64

/** The known name at most two edits away, the first of the nearest; null when there is none. */
export function nearestName(name: string, known: Iterable<string>): string | null {
  if (name.length > comparedLengthMax) return null
  let nearest: string | null = null
  let nearestDistance = 3
  for (const candidate of known) {
    if (candidate.length > comparedLengthMax || Math.abs(candidate.length - name.length) > 2) continue
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase())
    // Two edits turn any two-letter name into any other: nothing to suggest.
    if (distance < nearestDistance && distance < candidate.length) {
      nearest = candidate
      nearestDistance = distance
    }
  }
  return nearest
}

/** Levenshtein's distance, one row at a time. */
function editDistance(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row]
    for (let column = 1; column <= to.length; column += 1) {
      const replaced = (previous[column - 1] ?? 0) + (from[row - 1] === to[column - 1] ? 0 : 1)
      current.push(Math.min(replaced, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1))
    }
    previous = current
  }
  return previous[to.length] ?? 0
}
