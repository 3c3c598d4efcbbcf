// Assertions for bugs. Always on, also in production: after a failed one nothing we say about stored data can be
// trusted, so whoever owns the process lets it end. Operating errors are `EhubError`, never an assertion.

export class AssertionFailure extends Error {
  override readonly name = 'AssertionFailure'
}

/** Throws when `condition` does not hold; `what` says in words what must hold. */
export function assert(condition: unknown, what: string): asserts condition {
  if (!condition) throw new AssertionFailure(`bug: ${what}`)
}

/** For the `default` of a switch over a closed union: unreachable when the union is exhausted. */
export function unreachable(value: never): never {
  throw new AssertionFailure(`bug: unexpected value ${String(value)}`)
}
