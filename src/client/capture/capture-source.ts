// Where Capture files are read from: files and folders here, a container of Azure's blobs (or of a daemon's or Azurite's
// endpoint), a bucket. A source lists its files and gives their bytes as they come; nothing is downloaded whole.

import type { Clock } from '../../base/clock.ts'
import { EhubError } from '../../base/error.ts'
import { captureExtension, type CaptureFilePlace, type NameFormat } from '../../wire/capture/file-name.ts'

export interface SourceFile {
  /** For people: path or address without secrets. */
  readonly label: string
  /** Below the source, `/` between folders: what a name format is looked for in. */
  readonly name: string
  /** null: not known. */
  readonly bytes: number | null
  /** @throws EhubError `file-not-found`, `connect-failed`, `unauthorized`, … while it is read. */
  open(): AsyncIterable<Buffer>
}

export interface CaptureSource {
  readonly label: string
  /** All files that may be Capture's now, in no order. @throws EhubError. */
  list(): Promise<readonly SourceFile[]>
}

/** A file and what its name says. */
export interface PlacedFile {
  readonly file: SourceFile
  /** null: the name is not of the format. */
  readonly place: CaptureFilePlace | null
}

export function isCaptureName(name: string): boolean {
  return name.toLowerCase().endsWith(captureExtension)
}

/**
 * Files in the order in which their events should be read: by hub, partition and window; files whose name says nothing by name,
 * behind the others.
 * @param formats The first that fits a name decides.
 */
export function placeFiles(files: readonly SourceFile[], formats: readonly NameFormat[]): readonly PlacedFile[] {
  const placed = files.map((file): PlacedFile => {
    for (const format of formats) {
      const place = format.parse(file.name)
      if (place !== null) return { file, place }
    }
    return { file, place: null }
  })
  return placed.toSorted(compare)
}

function compare({ file: fileA, place: a }: PlacedFile, { file: fileB, place: b }: PlacedFile): number {
  if (a === null || b === null) {
    if (a !== null) return -1
    if (b !== null) return 1
    return compareText(fileA.name, fileB.name)
  }
  return (
    compareText(a.hub, b.hub) ||
    a.partition - b.partition ||
    a.startMs - b.startMs ||
    // `…12.avro` before `…12-1.avro` before `…12-10.avro`.
    fileA.name.length - fileB.name.length ||
    compareText(fileA.name, fileB.name)
  )
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Opens what `--source` names: a path, `-` for stdin, `blob:URL`, `s3:URL`. @throws EhubError `usage`, `file-not-found`. */
export async function openCaptureSource(
  text: string,
  env: Readonly<Record<string, string | undefined>>,
  clock: Clock,
): Promise<CaptureSource> {
  if (text.startsWith('blob:')) {
    const { openBlobSource } = await import('./blob-source.ts')
    return openBlobSource(text.slice('blob:'.length), env, clock)
  }
  if (text.startsWith('s3:')) {
    const { openS3Source } = await import('./s3-source.ts')
    return openS3Source(text.slice('s3:'.length), env)
  }
  if (/^https?:/i.test(text)) {
    throw new EhubError('usage', `"${text.slice(0, 80)}" does not say what it is an address of`, {
      hint: 'write blob:URL for a container of blobs, s3:URL for a bucket',
    })
  }
  const { openFolderSource } = await import('./folder-source.ts')
  return openFolderSource(text.startsWith('dir:') ? text.slice('dir:'.length) : text)
}
