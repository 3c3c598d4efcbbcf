// Reads a V8 CPU profile (`node --cpu-prof`) into a table of functions by their own time: what stands beside a missed bar.

import { readFileSync } from 'node:fs'

interface CpuProfile {
  /** Microseconds of the machine's monotonic clock, as `process.hrtime` has it. */
  readonly startTime: number
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  }[]
  readonly samples: readonly number[]
  /** Microseconds between samples. */
  readonly timeDeltas: readonly number[]
}

export interface FunctionShare {
  readonly name: string
  /** Of the time the process was not idle, 0..1. */
  readonly share: number
}

export interface ProfileSummary {
  /** Of the time looked at. */
  readonly busyShare: number
  readonly busyMicros: number
  /** By their own time, most first. */
  readonly top: readonly FunctionShare[]
}

/** The `count` functions with the most time of their own between two readings of the monotonic clock, in microseconds. */
export function topFunctions(path: string, count: number, fromMicros: number, toMicros: number): ProfileSummary {
  const profile = JSON.parse(readFileSync(path, 'utf8')) as CpuProfile
  const names = new Map(
    profile.nodes.map(({ id, callFrame }) => {
      const file = callFrame.url.replace(/^.*\/(src|test|node_modules)\//, '$1/')
      const name = callFrame.functionName === '' ? '(anonymous)' : callFrame.functionName
      return [id, file === '' ? name : `${name}  ${file}:${callFrame.lineNumber + 1}`] as const
    }),
  )
  const times = new Map<string, number>()
  let total = 0
  let at = profile.startTime
  for (const [index, id] of profile.samples.entries()) {
    at += profile.timeDeltas[index] ?? 0
    if (at < fromMicros || at > toMicros) continue
    // A sample stands for the time until the next one.
    const took = profile.timeDeltas[index + 1] ?? 0
    const name = names.get(id) ?? '(unknown)'
    times.set(name, (times.get(name) ?? 0) + took)
    total += took
  }
  const busy = total - (times.get('(idle)') ?? 0)
  const top = [...times]
    .filter(([name]) => name !== '(idle)')
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, count)
    .map(([name, took]) => ({ name, share: took / busy }))
  return { busyShare: busy / total, busyMicros: busy, top }
}
