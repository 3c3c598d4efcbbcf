// What every command inherits: the global flags, the output made from them, and the way to the daemon. A command itself is
// flags, examples and about ten lines of `run`.

import { Command, type Interfaces } from '@oclif/core'
import { assert } from '../base/assert.ts'
import { SystemClock } from '../base/clock.ts'
import { parseDuration } from '../base/duration.ts'
import { ControlClient } from '../client/control-client.ts'
import { findDaemon } from '../client/discovery.ts'
import { type GlobalFlags, globalFlags } from './flags.ts'
import { Output } from './output.ts'

/** Longest wait for one answer of the daemon, unless `--timeout` says otherwise (docs/CLI.md, deadlines). */
const operationTimeoutMs = 60_000

export abstract class BaseCommand extends Command {
  static override baseFlags: typeof globalFlags = globalFlags

  protected readonly clock = new SystemClock()
  #globals: GlobalFlags | null = null
  #output: Output | null = null

  /** Known once `parse` resolved. */
  protected get globals(): GlobalFlags {
    assert(this.#globals !== null, 'a command parses its flags before it uses them')
    return this.#globals
  }

  protected get output(): Output {
    assert(this.#output !== null, 'a command parses its flags before it talks')
    return this.#output
  }

  /** Milliseconds of `--timeout`, `null` when it was not given. */
  protected get timeoutMs(): number | null {
    const { timeout } = this.globals
    return timeout === undefined ? null : parseDuration(timeout)
  }

  protected override async parse<
    F extends Interfaces.OutputFlags<Interfaces.FlagInput>,
    B extends Interfaces.OutputFlags<Interfaces.FlagInput>,
    A extends Interfaces.OutputArgs<Interfaces.ArgInput>,
  >(options?: Interfaces.Input<F, B, A>, argv?: string[]): Promise<Interfaces.ParserOutput<F, B, A>> {
    const parsed = await super.parse(options, argv)
    this.#globals = readGlobals(parsed.flags)
    this.#output = new Output({
      stdout: process.stdout,
      stderr: process.stderr,
      env: process.env,
      isQuiet: this.#globals.quiet,
      isVerbose: this.#globals.verbose,
      isColourOff: this.#globals['no-color'],
    })
    return parsed
  }

  /**
   * The control API of the daemon that `--data-dir` names, else of the one started last.
   * @param defaultTimeoutMs Longest wait for one answer, unless `--timeout` says otherwise.
   * @throws EhubError `daemon-not-running`.
   */
  protected control(defaultTimeoutMs = operationTimeoutMs, isKept = false): ControlClient {
    const daemon = findDaemon({ env: process.env, dataFolder: this.globals['data-dir'] ?? null })
    this.output.detail(`daemon ${daemon.pid} at ${daemon.socketPath}`)
    return new ControlClient({
      socketPath: daemon.socketPath,
      clock: this.clock,
      timeoutMs: this.timeoutMs ?? defaultTimeoutMs,
      isKept,
      trace: (line) => this.output.detail(line),
    })
  }

  /** Errors go to the one place that prints them, `cli/program.ts`. */
  protected override catch(error: Error): Promise<never> {
    throw error
  }
}

function readGlobals(flags: Readonly<Record<string, unknown>>): GlobalFlags {
  return {
    'data-dir': textOf(flags['data-dir']),
    json: flags.json === true,
    quiet: flags.quiet === true,
    verbose: flags.verbose === true,
    'no-color': flags['no-color'] === true,
    timeout: textOf(flags.timeout),
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
