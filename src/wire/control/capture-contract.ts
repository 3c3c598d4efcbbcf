// The part of the control API that is about Capture.

export interface CaptureSettingsReply {
  readonly isEnabled: boolean
  readonly intervalMs: number
  readonly sizeBytes: number
  readonly nameFormat: string
  readonly isSkippingEmpty: boolean
  readonly encoding: string
  /** Without secrets. */
  readonly destination: string
  /** Where the secret is, never the secret. */
  readonly credentials: string
}

export interface CapturePartitionReply {
  readonly partition: number
  /** First sequence that is in no file. */
  readonly nextSequence: number
  readonly windowStartMs: number
  readonly files: number
  readonly events: number
  readonly bytes: number
  /** Removed before they were in a file. */
  readonly lostEvents: number
  readonly lagEvents: number
  readonly lagMs: number
  /** Failures of the destination in a row; 0: it works. */
  readonly failures: number
  /** Since the daemon started. */
  readonly failuresTotal: number
  readonly error: string | null
  readonly failingSinceMs: number | null
}

export interface CaptureReply extends CaptureSettingsReply {
  readonly hub: string
  readonly partitions: readonly CapturePartitionReply[]
}

export interface CaptureFileReply {
  readonly partition: number
  readonly windowStartMs: number
  readonly name: string
  readonly events: number
  readonly bytes: number
  /** -1 in an empty file. */
  readonly firstSequence: number
  readonly lastSequence: number
}

export interface CaptureOperations {
  /** null: Capture was never on. */
  describeCapture: { request: { readonly hub: string }; reply: { readonly capture: CaptureReply | null } }
  /** Switches Capture on or changes it; what is not named stays, or is the default. */
  enableCapture: {
    request: {
      readonly hub: string
      readonly intervalMs?: number
      readonly sizeBytes?: number
      readonly nameFormat?: string
      readonly isSkippingEmpty?: boolean
      readonly encoding?: string
      readonly destination?: string
      readonly credentials?: string
    }
    reply: CaptureReply
  }
  disableCapture: { request: { readonly hub: string }; reply: Record<never, never> }
  /** Answers when everything stored before is in files. */
  flushCapture: { request: { readonly hub: string }; reply: { readonly files: number } }
  /** Newest last; at most `limit` (1,000) of each partition, the newest ones. */
  listCapture: {
    request: { readonly hub: string; readonly partition?: number; readonly limit?: number }
    reply: { readonly files: readonly CaptureFileReply[] }
  }
}

export const captureRoutes = {
  describeCapture: { method: 'GET', path: '/hubs/:hub/capture' },
  enableCapture: { method: 'PUT', path: '/hubs/:hub/capture' },
  disableCapture: { method: 'DELETE', path: '/hubs/:hub/capture' },
  flushCapture: { method: 'POST', path: '/hubs/:hub/capture/flush' },
  listCapture: { method: 'GET', path: '/hubs/:hub/capture/files' },
} as const

export const captureFields = {
  describeCapture: { hub: 'text' },
  enableCapture: {
    hub: 'text',
    intervalMs: 'integer?',
    sizeBytes: 'integer?',
    nameFormat: 'text?',
    isSkippingEmpty: 'boolean?',
    encoding: 'text?',
    destination: 'text?',
    credentials: 'text?',
  },
  disableCapture: { hub: 'text' },
  flushCapture: { hub: 'text' },
  listCapture: { hub: 'text', partition: 'integer?', limit: 'integer?' },
} as const
