// Rule 10: is the history of a register with compare-and-set linearizable? Wing and Gong's search, done as the history
// streams by: all states the register may be in are kept, together with which of the pending operations took effect in
// them. An operation that completes must have taken effect with the result it reported.

import type { RegisterAction, RegisterResult } from './history.ts'

interface PendingOperation {
  readonly operation: number
  readonly action: RegisterAction
}

/** One way the past may have gone: the value, and the results of pending operations that already took effect. */
interface Possibility {
  readonly value: string | null
  readonly effects: ReadonlyMap<number, RegisterResult>
}

/** Possibilities multiply with operations whose outcome stays unknown; more than this is a badly made test. */
const possibilitiesMax = 20_000

export class RegisterChecker {
  #pending = new Map<number, PendingOperation>()
  #possible: readonly Possibility[] = [{ value: null, effects: new Map() }]

  get pendingCount(): number {
    return this.#pending.size
  }

  invoke(operation: number, action: RegisterAction): void {
    this.#pending.set(operation, { operation, action })
  }

  /** False when no order of the operations explains this result. */
  complete(operation: number, result: RegisterResult): boolean {
    const pending = this.#pending.get(operation)
    if (pending === undefined) return false
    // An unknown operation stays pending for ever: it may take effect at any later time.
    if (result.kind === 'unknown') return true
    if (result.kind === 'failed') {
      this.#pending.delete(operation)
      this.#possible = unique(this.#possible.filter((possibility) => !possibility.effects.has(operation)))
      return this.#possible.length > 0
    }
    const explained = this.#reach(pending, result)
    this.#pending.delete(operation)
    if (explained.length === 0) return false
    this.#possible = explained
    return true
  }

  /** Every possibility in which the operation took effect with this result, found by letting pending ones go first. */
  #reach(target: PendingOperation, result: RegisterResult): Possibility[] {
    const seen = new Set<string>()
    const reached: Possibility[] = []
    const open = [...this.#possible]
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const key = keyOf(next)
      if (seen.has(key)) continue
      seen.add(key)
      if (seen.size > possibilitiesMax) throw new Error('too many operations of unknown outcome on one register')
      const effect = next.effects.get(target.operation)
      if (effect !== undefined) {
        if (equals(effect, result)) reached.push(without(next, target.operation))
        continue
      }
      for (const candidate of this.#pending.values()) {
        if (!next.effects.has(candidate.operation)) open.push(applied(next, candidate))
      }
    }
    return unique(reached)
  }
}

function applied(before: Possibility, { operation, action }: PendingOperation): Possibility {
  const effects = new Map(before.effects)
  switch (action.kind) {
    case 'read':
      effects.set(operation, { kind: 'value', value: before.value })
      return { value: before.value, effects }
    case 'clear':
      effects.set(operation, { kind: 'done' })
      return { value: null, effects }
    case 'write': {
      const isExpected = action.expected.kind === 'any' || action.expected.value === before.value
      effects.set(operation, isExpected ? { kind: 'done' } : { kind: 'conflict' })
      return { value: isExpected ? action.value : before.value, effects }
    }
  }
}

function without(possibility: Possibility, operation: number): Possibility {
  const effects = new Map(possibility.effects)
  effects.delete(operation)
  return { value: possibility.value, effects }
}

function equals(a: RegisterResult, b: RegisterResult): boolean {
  return a.kind === b.kind && (a.kind !== 'value' || b.kind !== 'value' || a.value === b.value)
}

function keyOf(possibility: Possibility): string {
  const effects = [...possibility.effects]
    .map(([operation, result]) => `${operation}${result.kind}${result.kind === 'value' ? result.value : ''}`)
    .sort()
  return `${possibility.value}|${effects.join(',')}`
}

function unique(possibilities: readonly Possibility[]): Possibility[] {
  return [...new Map(possibilities.map((possibility) => [keyOf(possibility), possibility])).values()]
}
