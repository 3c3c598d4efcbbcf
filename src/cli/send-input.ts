// What `send` sends: where the bytes come from, and what a record of them means. Reading is in chunks, so a file of any size
// takes the same memory.

import { createReadStream, fstatSync, statSync } from 'node:fs'
import { EhubError } from '../base/error.ts'

export const inputFormats = ['lines', 'nul', 'jsonl', 'raw'] as const
/** `raw`: the whole input is one event. */
export type InputFormat = (typeof inputFormats)[number]

export type SendSource =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'file'; readonly path: string; readonly format: InputFormat }
  | { readonly kind: 'stdin'; readonly format: InputFormat }

const chunkBytes = 1024 * 1024

/** Names a source in errors. */
export function sourceName(source: SendSource): string {
  return source.kind === 'file' ? `"${source.path}"` : source.kind === 'stdin' ? 'stdin' : 'argument'
}

/** Bytes of all sources, null when one does not say. @throws EhubError `file-not-found`. */
export function totalBytesOf(sources: readonly SendSource[]): number | null {
  let total = 0
  for (const source of sources) {
    const bytes =
      source.kind === 'text'
        ? Buffer.byteLength(source.text)
        : source.kind === 'file'
          ? fileBytes(source.path)
          : stdinBytes()
    if (bytes === null) return null
    total += bytes
  }
  return total
}

/** The source's bytes in large chunks, each the reader's to keep. @throws EhubError `file-not-found`, `internal-error`. */
export async function* chunksOf(source: SendSource, signal: AbortSignal): AsyncGenerator<Buffer, void, void> {
  if (source.kind === 'text') {
    yield Buffer.from(source.text)
    return
  }
  const stream =
    source.kind === 'file'
      ? createReadStream(source.path, { highWaterMark: chunkBytes })
      : stdinBytes() === null
        ? process.stdin
        : createReadStream('', { fd: 0, autoClose: false, highWaterMark: chunkBytes })
  // Ends a read that waits for a person or a slow producer.
  const onAbort = () => stream.destroy()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    for await (const chunk of stream) yield chunk as Buffer
  } catch (error) {
    if (!signal.aborted) throw readError(error, sourceName(source))
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** null: a pipe or a terminal. */
function stdinBytes(): number | null {
  try {
    const stat = fstatSync(0)
    return stat.isFile() ? stat.size : null
  } catch (error) {
    throw readError(error, 'stdin')
  }
}

/** null: a pipe or a device. */
function fileBytes(path: string): number | null {
  try {
    const stat = statSync(path)
    if (stat.isDirectory()) throw new EhubError('file-not-found', `"${path}" is a folder, not a file`)
    return stat.isFile() ? stat.size : null
  } catch (error) {
    throw readError(error, `"${path}"`)
  }
}

function readError(error: unknown, name: string): unknown {
  if (error instanceof EhubError || !(error instanceof Error)) return error
  return new EhubError('file-not-found', `cannot read ${name}: ${error.message}`, { cause: error })
}
