// Which disk operation fails, and how. A plan is asked once for every operation, before it takes effect.

import type { SimRandom } from './sim-random.ts'

export type OperationKind =
  | 'list'
  | 'open'
  | 'create'
  | 'rename'
  | 'remove'
  | 'makeDirectory'
  | 'syncDirectory'
  | 'space'
  | 'size'
  | 'read'
  | 'write'
  | 'preallocate'
  | 'truncate'
  | 'sync'
  | 'close'

export interface Operation {
  /** Counts from 0 over the disk's life. */
  readonly index: number
  readonly kind: OperationKind
  readonly path: string
}

export type Fault =
  /** No effect, then the error. A failed `sync` loses dirty pages and later syncs lie (reliability §2 rule 7). */
  | { readonly kind: 'error'; readonly code: string }
  /** A part of the read or write happens, then the error; as `error` for other operations. */
  | { readonly kind: 'partial'; readonly code: string }
  /** Works, but completes only after this much virtual time. */
  | { readonly kind: 'delay'; readonly ms: number }

export type FaultPlan = (operation: Operation) => Fault | null

export const noFaults: FaultPlan = () => null

/** Fails operation `index`, or every one from there on. */
export function failAt(index: number, fault: Fault, extent: 'once' | 'onwards'): FaultPlan {
  return (operation) => (operation.index === index || (extent === 'onwards' && operation.index > index) ? fault : null)
}

/** Fails every operation of a kind with a probability. */
export function failRandomly(
  random: SimRandom,
  rates: Partial<Record<OperationKind, number>>,
  faults: readonly Fault[],
): FaultPlan {
  return (operation) => {
    const rate = rates[operation.kind]
    return rate !== undefined && random.chance(rate) ? random.pick(faults) : null
  }
}
