// Every bench, in the order they run.

import type { Bench } from '../frame/context.ts'
import { commits } from './commits.ts'
import { capture } from './capture.ts'
import { checkpoints } from './checkpoints.ts'
import { compaction } from './compaction.ts'
import { delivering } from './delivering.ts'
import { exporting } from './export.ts'
import { latency } from './latency.ts'
import { machine } from './machine.ts'
import { idle, largeFile } from './memory.ts'
import { curves, dirty } from './partitions.ts'
import { batches, singles } from './publishing.ts'
import { restart } from './restart.ts'
import { retention } from './retention.ts'
import { startUp } from './start-up.ts'
import { top } from './top.ts'

export const benches: readonly Bench[] = [
  machine,
  singles,
  batches,
  delivering,
  exporting,
  latency,
  checkpoints,
  commits,
  dirty,
  retention,
  curves,
  startUp,
  top,
  restart,
  idle,
  largeFile,
  capture,
  compaction,
]
