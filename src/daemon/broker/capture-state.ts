// Capture as part of the broker's state: how each hub is captured and how far each of its partitions is. The order of what is
// written makes files exact: the cut (which events, under which name) is durable before the file can be seen, and the progress
// behind it only after the file is. docs/FORMAT.md, "Capture", says what a crash at each step leaves.

import type { CaptureSettings } from './capture-settings.ts'

export interface CaptureProgress {
  /** First sequence that is in no file yet. */
  readonly nextSequence: number
  /** Beginning of the window whose events are being gathered, Unix milliseconds. */
  readonly windowStartMs: number
  /** A file decided on: it holds `[nextSequence, cutSequence)` and is called `cutName`. Both null between files. */
  readonly cutSequence: number | null
  readonly cutName: string | null
  /** Since the hub exists. */
  readonly files: number
  readonly events: number
  readonly bytes: number
  /** Removed by retention before they were in a file. */
  readonly lostEvents: number
}

export interface CaptureState extends CaptureSettings {
  readonly hub: number
  /** Rises with every switching on: what a writer of an older one still says is refused. */
  readonly generation: number
  readonly isEnabled: boolean
  /** By partition; one that was added later is missing until it has its first window. */
  readonly progress: Map<number, CaptureProgress>
}
