// The worker's side of `frame/workers.ts`: receives its job, says ready, waits for go, gives its result. Ends when the
// runner's channel closes.

export interface Runner {
  ready(value: unknown): void
  /** Resolves when the runner lets this worker begin. */
  go(): Promise<void>
  result(value: unknown): void
}

export function work<Job>(run: (job: Job, runner: Runner) => Promise<void>): void {
  let start: () => void = () => undefined
  const started = new Promise<void>((resolve) => {
    start = resolve
  })
  const say = (message: unknown) => {
    process.send?.(message)
  }
  const runner: Runner = {
    ready: (value) => say({ kind: 'ready', value }),
    go: () => started,
    result: (value) => say({ kind: 'result', value }),
  }
  const fail = (reason: unknown) =>
    say({ kind: 'failed', reason: reason instanceof Error ? reason.stack : String(reason) })
  process.on('uncaughtException', fail)
  process.on('disconnect', () => process.exit(0))
  process.on('message', (message: { job?: Job; go?: true }) => {
    if (message.go === true) start()
    else run(message.job as Job, runner).catch(fail)
  })
}

/** Measures this process between `begin` and `end`: wall time and its own CPU share (1 = one core). */
export class Window {
  #beganMs = 0
  #cpu: NodeJS.CpuUsage = { user: 0, system: 0 }

  begin(): void {
    this.#beganMs = performance.now()
    this.#cpu = process.cpuUsage()
  }

  end(): { readonly seconds: number; readonly cpuShare: number } {
    const seconds = (performance.now() - this.#beganMs) / 1000
    const used = process.cpuUsage(this.#cpu)
    return { seconds, cpuShare: (used.user + used.system) / 1e6 / seconds }
  }
}

/** What the throughput workers report. */
export interface LoadResult {
  readonly events: number
  readonly bytes: number
  readonly seconds: number
  readonly eventsPerSecond: number
  /** CPU used by the generator over wall time; near 1 the generator is the limit. */
  readonly cpuShare: number
  /** Everything acknowledged or received, warm-up included: what was written to the partner in this turn. */
  readonly eventsInAll: number
}
