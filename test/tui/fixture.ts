// A made-up moment of a small installation, for the model and for golden frames.

import type { HubRates, LagSnapshot, PartitionLag } from '../../src/wire/lag/snapshot.ts'
import type { Step } from '../../src/tui/effects.ts'
import { type Action, update } from '../../src/tui/update.ts'
import { initialState, type TopState } from '../../src/tui/state.ts'

export const noonMs = Date.UTC(2026, 10, 20, 12, 0, 0)

export function partition(hub: string, group: string, number: number, more: Partial<PartitionLag> = {}): PartitionLag {
  return {
    hub,
    group,
    partition: number,
    first: 0,
    last: 51_220,
    checkpoint: 51_219,
    checkpointAtMs: noonMs - 1000,
    lag: 1,
    lagBytes: 1024,
    lost: 0,
    ageMs: 100,
    isAgeEstimated: false,
    inRate: 102,
    outRate: 102,
    owner: 'worker-1',
    ownerLevel: 0,
    readers: 1,
    status: 'OK',
    level: 'OK',
    reason: 'the lag is allowed',
    ...more,
  }
}

const hub = (name: string, partitionCount: number, inEvents: number): HubRates => ({
  hub: name,
  partitionCount,
  storedBytes: 52_000_000,
  inEvents,
  inBytes: inEvents * 400,
  outEvents: inEvents * 0.9,
  outBytes: inEvents * 360,
})

/** `tick` moves time and grows the lag of orders/audit. */
export function snapshotAt(tick: number): LagSnapshot {
  const behind = 8198 + tick * 98
  return {
    atMs: noonMs + tick * 1000,
    sampleMs: 1000,
    store: 'daemon',
    hubs: [hub('clicks', 2, 1), hub('orders', 4, 410), hub('telemetry', 2, 800)],
    partitions: [
      partition('clicks', '$Default', 0, {
        checkpoint: null,
        checkpointAtMs: null,
        last: 2,
        lag: 3,
        ageMs: 2000,
        inRate: 1,
        outRate: 1,
        status: 'NOCKPT',
        level: 'WARN',
        owner: null,
        ownerLevel: null,
        reason: 'the group has no checkpoint on this partition',
      }),
      partition('clicks', '$Default', 1, {
        checkpoint: null,
        checkpointAtMs: null,
        last: -1,
        lag: 0,
        ageMs: null,
        inRate: 0,
        outRate: 0,
        status: 'IDLE',
        owner: null,
        ownerLevel: null,
        readers: 0,
        reason: 'nothing stored, nothing to read',
      }),
      ...[0, 1, 2, 3].map((n) =>
        partition('orders', '$Default', n, {
          checkpoint: null,
          checkpointAtMs: null,
          outRate: 0,
          owner: null,
          ownerLevel: null,
          readers: 0,
          ageMs: null,
          status: 'UNUSED',
          reason: 'the group has no checkpoint and no reader',
        }),
      ),
      partition('orders', 'audit', 0),
      partition('orders', 'audit', 1, {
        last: 50_988 + tick * 103,
        checkpoint: 42_790 + tick * 5,
        lag: behind,
        ageMs: 41_000,
        inRate: 103,
        outRate: 5,
        status: 'WARN',
        level: 'WARN',
        reason: 'the lag has not shrunk in the window',
      }),
      partition('orders', 'audit', 2, { last: 51_007, checkpoint: 51_005, lag: 2, owner: 'worker-2', ownerLevel: 7 }),
      partition('orders', 'audit', 3, { last: 50_411, checkpoint: 50_408, lag: 3, owner: 'worker-2', ownerLevel: 7 }),
      ...[0, 1, 2, 3].map((n) =>
        partition('orders', 'billing', n, { lag: 3, ageMs: 400, owner: n < 2 ? 'bill-a' : 'bill-b' }),
      ),
      partition('telemetry', 'alerts', 0, {
        lag: 91_377,
        ageMs: 724_000,
        inRate: 400,
        outRate: 0,
        status: 'STOP',
        level: 'ERR',
        reason: 'no checkpoint for 724 s',
        readers: 0,
        owner: null,
        ownerLevel: null,
      }),
      partition('telemetry', 'alerts', 1, { lag: 12, ageMs: 600, inRate: 400, outRate: 0 }),
      partition('telemetry', 'warehouse', 0, { lag: 120, ageMs: 1100, inRate: 400, outRate: 510, owner: 'w-1' }),
      partition('telemetry', 'warehouse', 1, { lag: 120, ageMs: 900, inRate: 400, outRate: 510, owner: 'w-2' }),
    ],
  }
}

export function freshState(more: Partial<TopState> = {}): TopState {
  return { ...initialState({ target: { name: 'dev', isLocal: true }, isReadOnly: false, intervalMs: 1000 }), ...more }
}

/** Plays actions and keys (by name) one after the other; returns the last step. */
export function play(state: TopState, ...moves: readonly (Action | string)[]): Step {
  return moves.reduce<Step>(
    (step, move) => update(step.state, typeof move === 'string' ? { kind: 'key', key: move } : move),
    { state, effects: [] },
  )
}

/** A state after `ticks` samples. */
export function sampled(ticks = 12, more: Partial<TopState> = {}): TopState {
  const samples = Array.from({ length: ticks }, (_, tick): Action => ({ kind: 'sampled', snapshot: snapshotAt(tick) }))
  return play(freshState(more), ...samples).state
}

/** A text typed key by key. */
export const keys = (text: string): readonly string[] => text.split('')
