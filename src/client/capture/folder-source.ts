// Capture files on this machine: one file, a folder with everything below it, or stdin.

import { createReadStream, type Stats } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { basename, join, relative, sep } from 'node:path'
import { EhubError } from '../../base/error.ts'
import { type CaptureSource, isCaptureName, type SourceFile } from './capture-source.ts'

const chunkBytes = 256 * 1024

/** @throws EhubError `file-not-found` when there is nothing at the path. */
export async function openFolderSource(path: string): Promise<CaptureSource> {
  if (path === '-') return { label: 'stdin', list: () => Promise.resolve([stdinFile]) }
  const found = await look(path)
  if (!found.isDirectory()) {
    const file = fileAt(path, basename(path), found.size)
    // The folders above may say hub and partition.
    return { label: path, list: () => Promise.resolve([{ ...file, name: path.split(sep).join('/') }]) }
  }
  return { label: path, list: () => filesBelow(path) }
}

const stdinFile: SourceFile = { label: 'stdin', name: '-', bytes: null, open: () => readStdin() }

async function* readStdin(): AsyncGenerator<Buffer> {
  for await (const chunk of createReadStream('', { fd: 0, highWaterMark: chunkBytes, autoClose: false })) {
    yield chunk as Buffer
  }
}

async function look(path: string): Promise<Stats> {
  try {
    return await stat(path)
  } catch (error) {
    throw unreadable(path, error)
  }
}

async function filesBelow(folder: string): Promise<readonly SourceFile[]> {
  let entries
  try {
    entries = await readdir(folder, { recursive: true, withFileTypes: true })
  } catch (error) {
    throw unreadable(folder, error)
  }
  const files: SourceFile[] = []
  for (const entry of entries) {
    if (!entry.isFile() || !isCaptureName(entry.name)) continue
    const path = join(entry.parentPath, entry.name)
    const name = relative(folder, path).split(sep).join('/')
    files.push(fileAt(path, name, (await look(path)).size))
  }
  return files
}

function fileAt(path: string, name: string, bytes: number): SourceFile {
  return { label: path, name, bytes, open: () => readFile(path) }
}

async function* readFile(path: string): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: chunkBytes })) yield chunk as Buffer
  } catch (error) {
    throw unreadable(path, error)
  }
}

function unreadable(path: string, error: unknown): EhubError {
  if (error instanceof EhubError) return error
  const reason = error instanceof Error ? error.message : String(error)
  return new EhubError('file-not-found', `cannot read "${path}": ${reason}`, { cause: error })
}
