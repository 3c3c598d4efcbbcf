// The ways a medium or an administrator may damage a folder (reliability H11): each as a changed set of files.

import type { DiskPath } from '../../src/daemon/storage/disk.ts'
import { sectorBytes } from './sim-file.ts'

export type Files = ReadonlyMap<DiskPath, Buffer>

export interface Mutation {
  readonly name: string
  readonly kind: 'flip' | 'zero' | 'swap' | 'stray' | 'truncate' | 'delete' | 'duplicate'
  readonly path: DiskPath
  /** Bytes of the file that are no longer what they were. */
  readonly from: number
  readonly to: number
  readonly apply: () => Files
}

export interface MutationSteps {
  /** Every how many bytes a bit is flipped, and every how many lengths the file is cut; 1: all. */
  readonly bytes: number
  readonly sectors: number
  /** Where to begin, so that slices of different runs differ. */
  readonly phase: number
  /** Damage this file alone. */
  readonly only?: DiskPath
}

export function* mutationsOf(files: Files, steps: MutationSteps): Generator<Mutation> {
  const paths = steps.only === undefined ? [...files.keys()].sort() : [steps.only]
  for (const path of paths) {
    const bytes = files.get(path)!
    const replaced = (change: (copy: Buffer) => Buffer) => () => new Map(files).set(path, change(Buffer.from(bytes)))
    for (let at = steps.phase % steps.bytes; at < bytes.length; at += steps.bytes) {
      const bit = (at * 5) % 8
      yield {
        name: `${path}: bit ${bit} of byte ${at} flipped`,
        kind: 'flip',
        path,
        from: at,
        to: at + 1,
        apply: replaced((copy) => {
          copy[at] = copy[at]! ^ (1 << bit)
          return copy
        }),
      }
      yield {
        name: `${path}: cut to ${at} bytes`,
        kind: 'truncate',
        path,
        from: at,
        to: bytes.length,
        apply: replaced((copy) => copy.subarray(0, at)),
      }
    }
    yield* sectorMutations(files, path, steps)
    const without = new Map(files)
    without.delete(path)
    yield { name: `${path}: deleted`, kind: 'delete', path, from: 0, to: bytes.length, apply: () => without }
    yield {
      name: `${path}: duplicated`,
      kind: 'duplicate',
      path,
      from: 0,
      to: 0,
      apply: () => new Map(files).set(duplicateName(path), Buffer.from(bytes)),
    }
  }
}

function* sectorMutations(files: Files, path: DiskPath, steps: MutationSteps): Generator<Mutation> {
  const bytes = files.get(path)!
  const sectors = Math.ceil(bytes.length / sectorBytes)
  const strangers = [...files.keys()].filter((other) => other !== path && extension(other) === extension(path))
  for (let sector = steps.phase % steps.sectors; sector < sectors; sector += steps.sectors) {
    const from = sector * sectorBytes
    const to = Math.min(from + sectorBytes, bytes.length)
    const damaged = (kind: Mutation['kind'], what: string, change: (copy: Buffer) => void): Mutation => ({
      name: `${path}: sector ${sector} ${what}`,
      kind,
      path,
      from,
      to,
      apply: () => {
        const copy = Buffer.from(bytes)
        change(copy)
        return new Map(files).set(path, copy)
      },
    })
    yield damaged('zero', 'zeroed', (copy) => copy.fill(0, from, to))
    const other = (sector + 1) % sectors
    if (other !== sector) {
      const swapped = damaged('swap', `swapped with ${other}`, (copy) => {
        const length = Math.min(to - from, bytes.length - other * sectorBytes)
        bytes.copy(copy, from, other * sectorBytes, other * sectorBytes + length)
        bytes.copy(copy, other * sectorBytes, from, from + length)
      })
      yield { ...swapped, from: Math.min(from, other * sectorBytes), to: Math.max(to, (other + 1) * sectorBytes) }
    }
    for (const stranger of strangers.slice(0, 1)) {
      const theirs = files.get(stranger)!
      if (theirs.length <= from) continue
      yield damaged(
        'stray',
        `from ${stranger}`,
        (copy) => void theirs.copy(copy, from, from, Math.min(to, theirs.length)),
      )
    }
  }
}

const extension = (path: DiskPath) => path.slice(path.lastIndexOf('.'))

/** A name beside the file that looks like the next of its kind, else one that looks like nothing. */
function duplicateName(path: DiskPath): DiskPath {
  const match = /^(.*?)(\d+)(\.[a-z]+)$/.exec(path)
  if (match === null) return `${path}.copy`
  const [, prefix = '', digits = '', suffix = ''] = match
  return `${prefix}${(BigInt(digits) + 1n).toString().padStart(digits.length, '0')}${suffix}`
}
