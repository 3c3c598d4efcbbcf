// Checkpoints in a file: what `ehub checkpoint --export` writes and `--import` reads.

import { readFileSync, writeFileSync } from 'node:fs'
import { EhubError } from '../base/error.ts'
import type { CheckpointReply } from '../wire/control/contract.ts'
import { parseJson } from '../wire/control/json.ts'

/** More would be no file of ours: 1,024 partitions of a hundred bytes each. */
const fileBytesMax = 1024 * 1024

export function formatCheckpoints(hub: string, group: string, checkpoints: readonly CheckpointReply[]): string {
  const rows = checkpoints.map(({ partition, sequence, offset }) => ({ partition, sequence, offset }))
  return `${JSON.stringify({ hub, group, checkpoints: rows }, null, 2)}\n`
}

/**
 * Sequence numbers by partition. Hub and group in the file are for people: checkpoints may go to another group.
 * @param name Of the file, for errors.
 * @throws EhubError `argument-error` for anything else than such a file, naming the entry.
 */
export function parseCheckpoints(text: string, name: string): ReadonlyMap<number, number> {
  const value = parseJson(text)
  const rows = isRecord(value) ? value.checkpoints : undefined
  if (!Array.isArray(rows)) throw new EhubError('argument-error', `"${name}" holds no checkpoints`)
  const found = new Map<number, number>()
  for (const [index, row] of rows.entries()) {
    const { partition, sequence } = isRecord(row) ? row : {}
    if (!isCount(partition, 0) || !isCount(sequence, -1) || found.has(partition)) {
      throw new EhubError(
        'argument-error',
        `checkpoint ${index} in "${name}" is none: a partition, once, and a sequence`,
      )
    }
    found.set(partition, sequence)
  }
  return found
}

/** @param path `-`: standard input. @throws EhubError `file-not-found`, `argument-error`. */
export function readCheckpointFile(path: string): ReadonlyMap<number, number> {
  let bytes: Buffer
  try {
    bytes = readFileSync(path === '-' ? 0 : path)
  } catch (error) {
    throw fileError(path, 'read', error)
  }
  if (bytes.length > fileBytesMax)
    throw new EhubError('argument-error', `"${path}" is no file of checkpoints: too large`)
  return parseCheckpoints(bytes.toString('utf8'), path)
}

/** Replaces a file that is there. @throws EhubError `file-not-found`, `argument-error`. */
export function writeCheckpointFile(path: string, text: string): void {
  try {
    writeFileSync(path, text)
  } catch (error) {
    throw fileError(path, 'written', error)
  }
}

function fileError(path: string, what: string, cause: unknown): EhubError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  return code === 'ENOENT'
    ? new EhubError('file-not-found', `"${path}" does not exist`, { cause })
    : new EhubError('argument-error', `"${path}" cannot be ${what}: ${String(code)}`, { cause })
}

function isCount(value: unknown, min: number): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= min
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
