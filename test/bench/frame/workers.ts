// Processes of the benches, from the runner's side: started with one job over IPC, spoken to in small messages, ended by
// their own pid. A worker ends by itself when the runner goes away (its channel closes), so nothing is left running.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** What workers say: `ready` with what the runner must know, then `result`; `failed` at any time. */
export type WorkerMessage =
  | { readonly kind: 'ready'; readonly value: unknown }
  | { readonly kind: 'result'; readonly value: unknown }
  | { readonly kind: 'failed'; readonly reason: string }

const running = new Set<ChildProcess>()

/** Ends every worker still running; for the runner's last moment. */
export function endAll(): void {
  for (const child of running) child.kill('SIGKILL')
}

export interface StartOptions {
  /** Flags for Node itself, e.g. `--cpu-prof`. */
  readonly nodeFlags?: readonly string[]
}

export class Worker {
  readonly #child: ChildProcess
  readonly #name: string
  readonly #arrived: WorkerMessage[] = []
  #waiting: (() => void) | null = null
  #exit: string | null = null

  private constructor(name: string, child: ChildProcess) {
    this.#name = name
    this.#child = child
    child.on('message', (message) => {
      this.#arrived.push(message as WorkerMessage)
      this.#waiting?.()
    })
    child.on('exit', (code, signal) => {
      running.delete(child)
      this.#exit = signal ?? `status ${code}`
      this.#waiting?.()
    })
  }

  /** @param script Relative to `test/bench/`. The job must survive JSON. */
  static start(script: string, job: unknown, options: StartOptions = {}): Worker {
    const file = fileURLToPath(new URL(`../${script}`, import.meta.url))
    const child = spawn(process.execPath, ['--no-warnings', ...(options.nodeFlags ?? []), file], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    running.add(child)
    child.send({ job })
    return new Worker(script, child)
  }

  get pid(): number {
    const pid = this.#child.pid
    if (pid === undefined) throw new Error(`${this.#name} did not start`)
    return pid
  }

  ready<T>(timeoutMs = 20_000): Promise<T> {
    return this.#next('ready', timeoutMs) as Promise<T>
  }

  result<T>(timeoutMs = 120_000): Promise<T> {
    return this.#next('result', timeoutMs) as Promise<T>
  }

  /** Lets a worker that said `ready` begin. */
  go(): void {
    this.#child.send({ go: true })
  }

  async stop(): Promise<void> {
    if (this.#exit !== null) return
    const gone = once(this.#child, 'exit')
    if (this.#child.connected) this.#child.disconnect()
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5_000)
    await gone
    clearTimeout(timer)
  }

  async #next(kind: 'ready' | 'result', timeoutMs: number): Promise<unknown> {
    let timedOut = false
    const timer = setTimeout(() => {
      timedOut = true
      this.#waiting?.()
    }, timeoutMs)
    try {
      for (;;) {
        const message = this.#arrived.shift()
        if (message?.kind === 'failed') throw new Error(`${this.#name}: ${message.reason}`)
        if (message !== undefined && message.kind !== kind)
          throw new Error(`${this.#name}: ${message.kind} before ${kind}`)
        if (message !== undefined) return message.value
        if (this.#exit !== null) throw new Error(`${this.#name} ended with ${this.#exit} before its ${kind}`)
        if (timedOut) {
          this.#child.kill('SIGKILL')
          throw new Error(`${this.#name}: no ${kind} within ${timeoutMs} ms`)
        }
        await new Promise<void>((resolve) => {
          this.#waiting = resolve
        })
        this.#waiting = null
      }
    } finally {
      clearTimeout(timer)
    }
  }
}

/** Starts a load worker, lets it begin at once, and gives its result. */
export async function runLoad<T>(script: string, job: unknown, timeoutMs = 120_000): Promise<T> {
  const worker = Worker.start(script, job)
  try {
    await worker.ready()
    worker.go()
    return await worker.result<T>(timeoutMs)
  } finally {
    await worker.stop()
  }
}

/** CPU seconds a process has used so far (user + system), from /proc; null where there is none. */
export function cpuSecondsOf(pid: number): number | null {
  try {
    // Fields after the last ')' because the command name may hold spaces; proc(5): utime is field 14, stime 15, in ticks of 1/100 s.
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) / 100
  } catch {
    return null
  }
}

/** Resident memory of a process in bytes: now and at its highest, from /proc; null where there is none. */
export function memoryOf(pid: number): { readonly rssBytes: number; readonly peakBytes: number } | null {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1')
    const kilobytes = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0)
    return { rssBytes: kilobytes('VmRSS') * 1024, peakBytes: kilobytes('VmHWM') * 1024 }
  } catch {
    return null
  }
}
