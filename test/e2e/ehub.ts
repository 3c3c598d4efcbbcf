// Runs the built executable as a person's shell would: own home, own XDG folders, own runtime folder, port 0, nothing of this
// machine's daemons. Everything that was started is ended with the test.

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TestContext } from 'node:test'

export const executable = fileURLToPath(new URL('../../build/ehub', import.meta.url))

export interface Finished {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly input?: string
  readonly env?: Record<string, string>
  readonly cwd?: string
}

const runMsMax = 30_000

/** A person with a home of their own. */
export class Person {
  readonly home: string
  readonly env: Record<string, string>
  readonly #running = new Set<ChildProcess>()

  constructor(t: TestContext) {
    if (!existsSync(executable)) throw new Error('build/ehub is missing: npm run build')
    this.home = realpathSync(mkdtempSync(join(tmpdir(), 'ehub-e2e-')))
    this.env = {
      PATH: process.env.PATH ?? '',
      HOME: this.home,
      XDG_DATA_HOME: join(this.home, 'data'),
      XDG_CONFIG_HOME: join(this.home, 'config'),
      XDG_STATE_HOME: join(this.home, 'state'),
      EHUB_RUNTIME_DIR: join(this.home, 'run'),
      TERM: 'xterm-256color',
    }
    mkdirSync(join(this.home, 'data'), { mode: 0o700 })
    t.after(async () => {
      // The grace is for nothing: tests end what they began.
      while ((await this.run(['daemon', 'stop', '--grace', '0s'])).code === 0);
      for (const child of this.#running) child.kill('SIGKILL')
      rmSync(this.home, { recursive: true, force: true })
    })
  }

  /** Runs to the end; never throws for an exit code. */
  run(argv: readonly string[], options: RunOptions = {}): Promise<Finished> {
    const child = this.start(argv, options)
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(options.input ?? '')
    return finished(child)
  }

  /** Through `sh -c SCRIPT`, in which `"$0" "$@"` is the program and its words. */
  runInShell(script: string, argv: readonly string[]): Promise<Finished> {
    const options = { env: this.env, cwd: this.home, timeout: runMsMax, killSignal: 'SIGKILL' as const }
    return finished(spawn('sh', ['-c', script, executable, ...argv], options))
  }

  /** Starts with pipes; ended with the test at the latest. */
  start(argv: readonly string[], options: RunOptions = {}): ChildProcess {
    const child = spawn(executable, [...argv], {
      env: { ...this.env, ...options.env },
      cwd: options.cwd ?? this.home,
      timeout: runMsMax,
      killSignal: 'SIGKILL',
    })
    this.#running.add(child)
    child.on('exit', () => this.#running.delete(child))
    return child
  }

  /** A background daemon on free ports. */
  async startDaemon(argv: readonly string[] = []): Promise<Finished> {
    const names = ['amqp', 'amqps', 'https', 'blob', 'health']
    const ports = names.flatMap((name) => [`--${name}-port`, '0'])
    const given = ports.filter((_, index) => !argv.includes(ports[index - (index % 2)] ?? ''))
    return this.run(['daemon', 'start', ...given, ...argv])
  }
}

export function finished(child: ChildProcess): Promise<Finished> {
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  return new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr })))
}

/** Resolves when the stream has said something that matches. */
export function says(child: ChildProcess, stream: 'stdout' | 'stderr', pattern: RegExp): Promise<string> {
  let text = ''
  return new Promise((resolve, reject) => {
    child[stream]?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      if (pattern.test(text)) resolve(text)
    })
    child.on('close', () => reject(new Error(`it ended without saying ${pattern}: ${text}`)))
  })
}
