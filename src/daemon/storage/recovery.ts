// What happens to the commit journal when a data folder is opened: it is read, what it holds is brought into the segments,
// and a new file begins. Work is bounded by the journal's size, never by what is stored. Running it again, also after a
// crash half way, gives the same result: nothing of the journal is removed before the new file, which no longer needs it,
// is durable.

import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { align8 } from './bytes.ts'
import type { DirectorySyncs } from './directory-syncs.ts'
import type { Disk } from './disk.ts'
import { decodeSegmentHeader } from './format.ts'
import { decodeCheckpoint, decodeState, type GroupPart, type LogState } from './journal-format.ts'
import {
  findJournalFiles,
  type JournalDamage,
  type JournalEnd,
  type JournalGroup,
  journalLimits,
  scanJournalFile,
} from './journal-scan.ts'
import type { Damage } from './log-reader.ts'
import { LogRepair } from './log-repair.ts'
import { logKey } from './paths.ts'
import type { LogId } from './storage-engine.ts'

export interface RecoveredJournal {
  /** By log key: every log the journal knows, as it is on disk now. */
  readonly states: Map<string, LogState>
  readonly damaged: ReadonlyMap<string, readonly Damage[]>
  /** The newest file and where it ended, null when there is none. */
  readonly previous: { readonly generation: number; readonly endPosition: number } | null
  readonly files: readonly number[]
  readonly isClean: boolean
  readonly isTorn: boolean
  readonly journalDamage: readonly JournalDamage[]
  /** Groups whose deletion was decided; their folders may still be there. */
  readonly forgotten: readonly string[]
}

interface Parts {
  readonly disk: Disk
  readonly folders: DirectorySyncs
  readonly clock: Clock
  readonly log: Log
}

// Envelopes gathered before they are written into their segments.
const gatheredBytesMax = 64 * 1024 * 1024
// As many as there are threads; each has up to four files open.
const repairsAtOnce = 8

/** Numbers rows over all files, so that "before" can be said of them. */
interface Reading {
  readonly states: Map<string, LogState>
  /** By deleted group: rows before this one count no more. */
  readonly forgotten: Map<string, number>
  rows: number
  envelopes: number
  replayFrom: number
  isClean: boolean
  /** Of the file being read: its head, which was synced before the file had its name. */
  hasHead: boolean
  /** Files without one. */
  readonly headless: number[]
}

/** @throws DiskError */
export async function recoverJournal(parts: Parts): Promise<RecoveredJournal> {
  const found = await findJournalFiles(parts.disk)
  const intact = found.filter(({ header }) => header !== null)
  const limits = journalLimits(intact)
  const generations = intact.map(({ generation }) => generation)
  const newest = generations.at(-1)
  const journalDamage: JournalDamage[] = []
  const limitOf = (generation: number) => limits.get(generation) ?? Infinity
  // The newest file says which of the older ones are still needed.
  const last = newest === undefined ? null : await readFiles(parts, [newest], limitOf)
  const replayFrom = last?.reading.replayFrom ?? 0
  const needed = generations.filter((generation) => generation >= replayFrom)
  for (const { generation, header } of found) {
    if (header === null && generation >= replayFrom) journalDamage.push({ generation, from: 0, to: Infinity })
  }
  const { reading, ends } = needed.length <= 1 && last !== null ? last : await readFiles(parts, needed, limitOf)
  for (const generation of reading.headless) journalDamage.push({ generation, from: 0, to: Infinity })
  for (const end of ends.values()) journalDamage.push(...end.damage)
  const damaged = reading.envelopes === 0 ? new Map() : await replay(parts, needed, limitOf, reading)
  const newestEnd = newest === undefined ? undefined : ends.get(newest)
  return {
    states: reading.states,
    damaged,
    previous:
      newest === undefined || newestEnd === undefined
        ? null
        : { generation: newest, endPosition: newestEnd.endPosition },
    files: found.map(({ generation }) => generation),
    isClean: reading.isClean,
    isTorn: newestEnd?.isTorn ?? false,
    journalDamage,
    forgotten: [...reading.forgotten.keys()],
  }
}

async function readFiles(
  parts: Parts,
  generations: readonly number[],
  limitOf: (generation: number) => number,
): Promise<{ reading: Reading; ends: Map<number, JournalEnd> }> {
  const reading: Reading = {
    states: new Map(),
    forgotten: new Map(),
    rows: 0,
    envelopes: 0,
    replayFrom: 0,
    isClean: false,
    hasHead: false,
    headless: [],
  }
  const ends = new Map<number, JournalEnd>()
  for (const generation of generations) {
    reading.hasHead = false
    ends.set(
      generation,
      await scanJournalFile(parts.disk, generation, limitOf(generation), (group) => readGroup(group, reading)),
    )
    if (!reading.hasHead) reading.headless.push(generation)
  }
  return { reading, ends }
}

function readGroup(group: JournalGroup, reading: Reading): void {
  reading.isClean = false
  for (const part of group.parts) {
    reading.rows += 1
    if (part.kind === 'envelope') reading.envelopes += 1
    else if (part.kind === 'state') noteState(decodeState(bodyOf(group, part)), reading.states)
    else if (part.kind === 'forget') {
      const forgotten = bodyOf(group, part).toString('latin1')
      reading.forgotten.set(forgotten, reading.rows)
      for (const [key, { id }] of reading.states) if (id.group === forgotten) reading.states.delete(key)
    } else if (part.kind === 'checkpoint') {
      const { replayFrom, isClean, isComplete } = decodeCheckpoint(bodyOf(group, part))
      if (isComplete) reading.hasHead = true
      reading.replayFrom = replayFrom
      reading.isClean = isClean
    }
  }
}

/** Rows may have been made a little before they were written: each part only moves forward. */
function noteState(state: LogState, states: Map<string, LogState>): void {
  const key = logKey(state.id)
  const before = states.get(key)
  if (before === undefined) {
    states.set(key, state)
    return
  }
  const start = state.start.sequence >= before.start.sequence ? state.start : before.start
  const further = state.end.sequence >= before.end.sequence ? state : before
  states.set(key, { ...further, start, isExact: state.isExact })
}

function bodyOf(group: JournalGroup, part: GroupPart): Buffer {
  return group.bytes.subarray(part.bodyAt, part.bodyAt + part.lengthBytes)
}

/** Brings every envelope of the journal that is not yet known to be synced into its segment. */
async function replay(
  parts: Parts,
  generations: readonly number[],
  limitOf: (generation: number) => number,
  reading: Reading,
): Promise<Map<string, readonly Damage[]>> {
  const repairs = new Map<string, LogRepair>()
  let rows = 0
  let gatheredBytes = 0
  for (const generation of generations) {
    const numbers = new Map<number, LogRepair | null>()
    await scanJournalFile(parts.disk, generation, limitOf(generation), async (group) => {
      for (const part of group.parts) {
        rows += 1
        if (part.kind === 'state') {
          const { id } = decodeState(bodyOf(group, part))
          numbers.set(part.logNumber, repairOf(id, rows))
        }
        const repair = numbers.get(part.logNumber) ?? null
        if (repair === null) continue
        if (part.kind === 'segment') {
          const header = decodeSegmentHeader(bodyOf(group, part))
          if (header !== null) repair.addHeader(header)
        } else if (part.kind === 'envelope') {
          const padded = group.bytes.subarray(part.bodyAt, part.bodyAt + align8(part.lengthBytes))
          // The envelope's own copy of its checksum is summed nowhere; the row's is.
          padded.writeUInt32LE(part.bodyCrc, 0)
          repair.addEnvelope(part.segmentBase, part.position, padded)
          gatheredBytes += padded.length
        }
      }
      if (gatheredBytes < gatheredBytesMax) return
      gatheredBytes = 0
      await eachOf([...repairs.values()], (repair) => repair.write())
    })
  }
  return finish([...repairs.values()], reading.states)

  function repairOf(id: LogId, row: number): LogRepair | null {
    const key = logKey(id)
    // Of a group that was deleted further on.
    if (row < (reading.forgotten.get(id.group) ?? 0)) return null
    const present = repairs.get(key)
    if (present !== undefined) return present
    const state = reading.states.get(key)
    if (state === undefined) return null
    const repair = new LogRepair(state, parts)
    repairs.set(key, repair)
    return repair
  }
}

async function finish(repairs: LogRepair[], states: Map<string, LogState>): Promise<Map<string, readonly Damage[]>> {
  const damaged = new Map<string, readonly Damage[]>()
  await eachOf(repairs, async (repair) => {
    const key = logKey(repair.id)
    const state = await repair.finish()
    states.set(key, state)
    if (repair.damaged.length > 0) damaged.set(key, repair.damaged)
  })
  return damaged
}

/** A few at a time: each waits for the disk, and none alone keeps it busy. */
async function eachOf<T>(items: readonly T[], run: (item: T) => Promise<void>): Promise<void> {
  const left = [...items]
  const next = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await run(item)
  }
  await Promise.all(Array.from({ length: repairsAtOnce }, next))
}
