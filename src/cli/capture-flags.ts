// Flags that say how a hub is captured.

import { Flags } from '@oclif/core'
import { parseDuration } from '../base/duration.ts'
import { parseSize } from '../wire/events/units.ts'
import type { CaptureOperations } from '../wire/control/capture-contract.ts'

export const captureFlags = {
  interval: Flags.string({ summary: 'Longest time one file covers: 1s to 15m, 5m by default.', helpValue: 'TIME' }),
  size: Flags.string({
    summary: 'Size at which a file is complete: up to 500MiB, 300MiB by default.',
    helpValue: 'SIZE',
  }),
  destination: Flags.string({
    summary:
      'Where files go: dir:PATH, blob:CONTAINER or s3:BUCKET/PREFIX?region=R&endpoint=URL; dir:capture by default.',
    helpValue: 'PLACE',
  }),
  credentials: Flags.string({
    summary:
      "Where the destination's secret is: env:NAME (of the daemon), file:PATH, or own for its own blob endpoint.",
    helpValue: 'REF',
  }),
  'name-format': Flags.string({
    summary: "Names of files, with the service's nine tokens.",
    helpValue: 'FORMAT',
  }),
  'skip-empty': Flags.boolean({ summary: 'No file for a window without events.', allowNo: true }),
  encoding: Flags.string({
    summary: 'avro by default.',
    options: ['avro', 'avro-deflate', 'avro-snappy'],
    helpValue: 'NAME',
  }),
}

export interface CaptureFlagValues {
  readonly interval?: string | undefined
  readonly size?: string | undefined
  readonly destination?: string | undefined
  readonly credentials?: string | undefined
  readonly 'name-format'?: string | undefined
  readonly 'skip-empty'?: boolean | undefined
  readonly encoding?: string | undefined
}

type Settings = Omit<CaptureOperations['enableCapture']['request'], 'hub'>

/** What was said; nothing for what was not. @throws EhubError `usage`. */
export function readCaptureFlags(flags: CaptureFlagValues): Settings {
  const { interval, size, destination, credentials, encoding } = flags
  const nameFormat = flags['name-format']
  const isSkippingEmpty = flags['skip-empty']
  return {
    ...(interval === undefined ? {} : { intervalMs: parseDuration(interval) }),
    ...(size === undefined ? {} : { sizeBytes: parseSize(size) }),
    ...(destination === undefined ? {} : { destination }),
    ...(credentials === undefined ? {} : { credentials }),
    ...(nameFormat === undefined ? {} : { nameFormat }),
    ...(isSkippingEmpty === undefined ? {} : { isSkippingEmpty }),
    ...(encoding === undefined ? {} : { encoding }),
  }
}
