// A daemon's life in its process: configuration, log, assembly, readiness, signals, end (reliability P14). The first SIGTERM
// or SIGINT drains and ends with 0 within ten seconds; a second one ends at once, which is as safe as kill -9. An unknown
// exception ends the process with its stack in the log: after it nothing we say about stored data can be trusted.

import { mkdirSync } from 'node:fs'
import { type Clock, SystemClock } from '../base/clock.ts'
import { EhubError, isEhubError } from '../base/error.ts'
import { keepProcess } from '../base/keep-process.ts'
import type { Log } from '../base/log.ts'
import { type Machine, thisMachine } from '../base/machine.ts'
import { SystemRandom } from '../base/random.ts'
import type { ReadyMessage } from '../wire/control/ready-message.ts'
import { daemonKey, ephemeralKeyText, logPath, stateFolder } from '../wire/control/places.ts'
import { assembleDaemon, type Daemon } from './assemble.ts'
import { countBuffersWithHeap } from './collector.ts'
import { type DaemonConfig, type DaemonSettings, readDaemonConfig } from './config.ts'
import { canonicalDataFolder } from './discovery.ts'
import { LogFile, type LineSink, makeLog } from './logger.ts'
import { useThreads } from './threads.ts'
import { serverTls } from './tls.ts'

export interface RunOptions {
  readonly settings: DaemonSettings
  /** Words they came from, for a restart. */
  readonly argv: readonly string[]
  /** Command that runs this program again; null: there is none. */
  readonly self: readonly string[] | null
  readonly version: string
  /** Takes the log's lines in the foreground; null: in the background, the log goes to its file. */
  readonly foreground: LineSink | null
}

/** How long what is in flight may take to be answered, unless `--grace` says otherwise. */
const graceMsDefault = 5000
/** P14: whatever happens, the process is gone by then (on top of a longer grace that was asked for). */
const endingMsMax = 10_000

/**
 * Runs a daemon until it is told to end.
 * @returns Exit code.
 * @throws EhubError what kept it from starting, in the foreground; in the background that goes to the parent.
 */
export async function runDaemon(options: RunOptions): Promise<number> {
  process.umask(0o077)
  countBuffersWithHeap()
  useThreads()
  const clock = new SystemClock()
  const machine = thisMachine(process.env)
  let daemon: Daemon
  let log: Log | null = null
  const ending = new Ending(clock)
  const startedIn = process.cwd()
  try {
    const config = locateData(readDaemonConfig(options.settings, machine), machine)
    const key = daemonKey(config.dataFolder ?? `${ephemeralKeyText}:${process.pid}`)
    const logFile = options.foreground === null ? backgroundLogFile(machine, config.dataFolder) : null
    log = makeLog(logFile === null ? sinkOf(options) : new LogFile(logFile), config.logLevel)
    if (config.dataFolder === null) log = log.with({ pid: process.pid })
    ending.watch(log)
    // In the background nothing keeps the folder it was started in busy; every path is absolute by now.
    if (logFile !== null) process.chdir('/')
    daemon = await assembleDaemon({
      config,
      key,
      logFile,
      version: options.version,
      argv: options.argv,
      self: options.self,
      startedIn,
      machine,
      clock,
      random: new SystemRandom(),
      log,
      onShutdown: (graceMs) => ending.begin(graceMs),
      onBug: (error) => ending.bug(error),
    })
  } catch (error) {
    if (options.foreground !== null || process.send === undefined) throw error
    log?.error('could not start', { reason: error instanceof Error ? error.message : String(error) })
    await tellParent(failure(error))
    return 1
  }
  log.info('ready', { pid: process.pid, version: options.version, ports: daemon.status().ports })
  await tellParent({ kind: 'ready', status: daemon.status() })
  return ending.run(daemon, log)
}

/**
 * Makes the certificates of a daemon that is starting and waits for them.
 * @throws EhubError `tls-failed`.
 */
export async function makeCertificates(folder: string, hostName: string): Promise<void> {
  process.umask(0o077)
  await serverTls({ folder, hostName, clock: new SystemClock(), random: new SystemRandom() })
}

// One function moves a daemon to its end; everything that may end it calls `begin`.
class Ending {
  readonly #clock: Clock
  readonly #asked: Promise<number>
  #begin: (graceMs: number) => void = () => undefined
  #hasBegun = false
  #log: Log | null = null

  constructor(clock: Clock) {
    this.#clock = clock
    this.#asked = new Promise((resolve) => {
      this.#begin = resolve
    })
  }

  watch(log: Log): void {
    this.#log = log
    for (const [signal, code] of [
      ['SIGTERM', 143],
      ['SIGINT', 130],
    ] as const) {
      process.on(signal, () => {
        if (this.#hasBegun) process.exit(code)
        log.info('stopping', { signal })
        this.begin(null)
      })
    }
    // A terminal that goes away does not end a background daemon.
    process.on('SIGHUP', () => undefined)
    process.on('uncaughtException', (error) => this.bug(error))
    process.on('unhandledRejection', (error) => this.bug(error))
  }

  begin(graceMs: number | null): void {
    this.#hasBegun = true
    this.#begin(graceMs ?? graceMsDefault)
  }

  bug(error: unknown): never {
    const stack = error instanceof Error ? error.stack : String(error)
    this.#log?.error('bug: the daemon ends', { stack })
    process.exit(1)
  }

  async run(daemon: Daemon, log: Log): Promise<number> {
    const graceMs = await this.#asked
    // Sockets kept it until now, and they are about to close.
    const hold = keepProcess()
    const limit = this.#clock.schedule(Math.max(endingMsMax, graceMs + endingMsMax - graceMsDefault), () => {
      log.error('the daemon did not end in time: leaving what is in flight unanswered')
      process.exit(1)
    })
    await daemon.stop(graceMs)
    limit.cancel()
    hold.release()
    log.info('stopped')
    return 0
  }
}

function locateData(config: DaemonConfig, machine: Machine): DaemonConfig {
  if (config.dataFolder === null) return config
  return { ...config, dataFolder: canonicalDataFolder(config.dataFolder, machine) }
}

// Daemons without data share a log: one for each would pile up.
function backgroundLogFile(machine: Machine, dataFolder: string | null): string {
  const folder = stateFolder(machine)
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new EhubError('data-folder-unusable', `cannot make the folder for logs "${folder}"`, {
      hint: 'Name another with XDG_STATE_HOME.',
      cause: error,
    })
  }
  return logPath(folder, daemonKey(dataFolder ?? ephemeralKeyText))
}

function sinkOf({ foreground }: RunOptions): LineSink {
  return foreground ?? { write: (line) => void process.stderr.write(line) }
}

function failure(error: unknown): ReadyMessage {
  if (isEhubError(error)) {
    return { kind: 'failed', code: error.code, message: error.message, hint: error.hint ?? null }
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return { kind: 'failed', code: 'internal-error', message: stack, hint: null }
}

/** The parent disconnects after it; the channel does not keep this process. */
function tellParent(message: ReadyMessage): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined) return resolve()
    process.channel?.unref()
    // Also when the parent left already: that is no reason to stop.
    process.send(message, () => resolve())
  })
}
