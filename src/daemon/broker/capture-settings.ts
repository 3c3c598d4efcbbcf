// How a hub is captured: what the service calls `captureDescription`, with our own destinations. Pure values and their limits.
// Sources: ARM `Microsoft.EventHub` captureDescription (fields, defaults, upper limits).

import { EhubError } from '../../base/error.ts'

/** `avro` and `avro-deflate` are the service's; snappy is ours. */
export const captureEncodings = ['avro', 'avro-deflate', 'avro-snappy'] as const
export type CaptureEncoding = (typeof captureEncodings)[number]

export interface CaptureSettings {
  /** Longest time one file covers, milliseconds. */
  readonly intervalMs: number
  /** Size at which a file is complete; its last block may exceed it. */
  readonly sizeBytes: number
  /** With the service's nine tokens; checked by who makes names of it. */
  readonly nameFormat: string
  /** No file for a window without events. */
  readonly isSkippingEmpty: boolean
  readonly encoding: CaptureEncoding
  /** `dir:…`, `blob:…` or `s3:…`; read by `protocols/capture/destinations.ts`. Never holds a secret. */
  readonly destination: string
  /** Where the destination's secret is: `none`, `own`, `env:NAME` or `file:PATH`; never the secret itself. */
  readonly credentials: string
}

/** Service: 300 s, 300 MiB, empty files written. */
export const captureDefaults = {
  intervalMs: 300_000,
  sizeBytes: 314_572_800,
  nameFormat: '{Namespace}/{EventHub}/{PartitionId}/{Year}/{Month}/{Day}/{Hour}/{Minute}/{Second}',
  isSkippingEmpty: false,
  encoding: 'avro',
} as const satisfies Omit<CaptureSettings, 'destination' | 'credentials'>

/** Service: 60 s. Differs from Azure: shorter ones are taken, down to the second that names are made of. */
const intervalMsMin = 1000
const intervalMsMax = 900_000
/** Service: 10 MiB. Differs from Azure: smaller ones are taken, for tests. */
const sizeBytesMin = 4096
const sizeBytesMax = 524_288_000
const textLengthMax = 1024

export function isCaptureEncoding(value: unknown): value is CaptureEncoding {
  return captureEncodings.some((encoding) => encoding === value)
}

/** @throws EhubError `argument-out-of-range`, `argument-error`. */
export function checkCaptureSettings(settings: CaptureSettings): void {
  const { intervalMs, sizeBytes, nameFormat, destination, credentials } = settings
  if (!Number.isInteger(intervalMs) || intervalMs < intervalMsMin || intervalMs > intervalMsMax) {
    throw new EhubError(
      'argument-out-of-range',
      `a Capture window of ${intervalMs} ms is not possible: it is 1 to 900 seconds`,
    )
  }
  if (!Number.isInteger(sizeBytes) || sizeBytes < sizeBytesMin || sizeBytes > sizeBytesMax) {
    throw new EhubError(
      'argument-out-of-range',
      `a Capture file of ${sizeBytes} bytes is not possible: it is ${sizeBytesMin} to ${sizeBytesMax}`,
    )
  }
  for (const text of [nameFormat, destination, credentials]) {
    if (text.length <= textLengthMax && !/\p{Cc}/u.test(text)) continue
    throw new EhubError(
      'argument-error',
      `${JSON.stringify(text.slice(0, 80))} is too long for Capture or holds control characters`,
    )
  }
}
