// What the shell shall do for the model: load, write, copy, quit. Values, so that a test can read them.

import type { TopState } from './state.ts'

export interface PartitionRef {
  readonly hub: string
  readonly group: string
  readonly partition: number
}

export type Effect =
  | { readonly kind: 'quit' }
  | { readonly kind: 'sample' }
  | { readonly kind: 'suspend' }
  | { readonly kind: 'copy'; readonly text: string }
  | { readonly kind: 'save' }
  | ({ readonly kind: 'loadEvents' } & PartitionRef)
  | { readonly kind: 'loadReaders'; readonly hub: string }
  | ({ readonly kind: 'loadHistory'; readonly spanMs: number } & PartitionRef)
  | ({ readonly kind: 'loadNext' } & PartitionRef)
  | ({ readonly kind: 'preview'; readonly text: string } & PartitionRef)
  | ({ readonly kind: 'setCheckpoint'; readonly text: string } & PartitionRef)
  | { readonly kind: 'kick'; readonly id: number }

export interface Step {
  readonly state: TopState
  readonly effects: readonly Effect[]
}

export const step = (state: TopState, ...effects: readonly Effect[]): Step => ({ state, effects })
