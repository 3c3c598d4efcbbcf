// The frame around a command: finds it in the embedded manifest, loads it, runs it, prints what went wrong, answers with
// the exit code. oclif parses flags and renders help; its ways of finding things on disk are not used, since the program
// is one file (docs/decisions/0001).

import { type Command, Config, type Interfaces, Plugin } from '@oclif/core'
import { EhubError } from '../base/error.ts'
import { EhubHelp } from './help.ts'
import { Output } from './output.ts'
import { reportError } from './report-error.ts'
import { resolveCommand } from './resolve-command.ts'

export type Manifest = Interfaces.Manifest
export type CommandLoader = () => Promise<{ readonly default: CommandClass }>
export type CommandTable = Readonly<Record<string, CommandLoader>>

// What oclif asks of a command class; its own type also names statics we never set.
type CommandClass = Command.Class

export interface PackageInfo {
  readonly name: string
  readonly version: string
  readonly description: string
}

export interface ProgramOptions {
  readonly argv: readonly string[]
  readonly manifest: Manifest
  readonly packageInfo: PackageInfo
  readonly commands: CommandTable
}

const topics = {
  clock: { description: 'Show, set, move and stop the time of a daemon with an adjustable clock' },
  daemon: { description: 'Start, stop and look after the local daemon' },
}

/** Runs one command line. Never throws; resolves to the exit code when everything written has been handed over. */
export async function runProgram(options: ProgramOptions): Promise<number> {
  process.stdout.on('error', onStreamError)
  process.stderr.on('error', onStreamError)
  const argv = [...options.argv]
  try {
    await dispatch(argv, options)
    await Promise.all([drained(process.stdout), drained(process.stderr)])
    return Number(process.exitCode ?? 0)
  } catch (error) {
    if (isClosedPipe(error)) return 0
    const { text, exitCode } = reportError(error, reportOptions(argv))
    process.stderr.write(text)
    await drained(process.stderr)
    return exitCode
  }
}

async function dispatch(argv: string[], options: ProgramOptions): Promise<void> {
  const words = argv[0] === 'help' ? [...argv.slice(1), '--help'] : argv
  const resolved = resolveCommand(words, Object.keys(options.manifest.commands))
  if (resolved.wantsHelp && argv.includes('--json')) {
    process.stdout.write(`${JSON.stringify(schemaOf(options, resolved.id))}\n`)
    return
  }
  const config = await loadConfig(options)
  if (resolved.wantsHelp) {
    await new EhubHelp(config).showHelp(resolved.id === null ? [] : [resolved.id])
    return
  }
  if (resolved.id === null) throw new EhubError('usage', 'no command given', { hint: 'Run "ehub help" for the list.' })
  await config.runCommand(resolved.id, [...resolved.rest])
}

async function loadConfig(options: ProgramOptions): Promise<Config> {
  // oclif looks for a theme of the user on disk; there is none to have.
  process.env.EHUB_DISABLE_THEME = '1'
  const { name, version, description } = options.packageInfo
  const pjson: Interfaces.PJSON = {
    name,
    version,
    description,
    oclif: {
      bin: 'ehub',
      dirname: 'ehub',
      topicSeparator: ' ',
      topics,
      commands: { strategy: 'explicit', target: '.' },
    },
  }
  const root = process.execPath
  const plugin = new EmbeddedPlugin({ isRoot: true, name, pjson, root }, options.manifest, options.commands)
  await plugin.load()
  const config = new Config({ root, pjson, plugins: new Map([[name, plugin]]) })
  await config.load()
  return config
}

class EmbeddedPlugin extends Plugin {
  readonly #embedded: Manifest
  readonly #commands: CommandTable

  constructor(options: Interfaces.PluginOptions, manifest: Manifest, commands: CommandTable) {
    super(options)
    this.#embedded = manifest
    this.#commands = commands
    this.commandIDs = Object.keys(manifest.commands)
    // Private to oclif's types, called by its `load`: the version is pinned and test/e2e/frame.test.ts watches it. Empty,
    // since `load` would sort the commands with a collator, whose making costs the start 3 ms.
    Object.defineProperty(this, '_manifest', { value: () => Promise.resolve({ ...manifest, commands: {} }) })
  }

  override async load(): Promise<void> {
    await super.load()
    this.manifest = this.#embedded
    this.commands = Object.entries(this.#embedded.commands).map(([id, command]) => ({
      ...command,
      load: () => this.findCommand(id, { must: true }),
      pluginAlias: this.alias,
      pluginType: this.type,
    }))
  }

  override async findCommand(id: string, opts: { must: true }): Promise<CommandClass>
  override async findCommand(id: string, opts?: { must: boolean }): Promise<CommandClass | undefined>
  override async findCommand(id: string): Promise<CommandClass | undefined> {
    const load = Object.hasOwn(this.#commands, id) ? this.#commands[id] : undefined
    if (load === undefined) throw new EhubError('usage', `no command "${id.replaceAll(':', ' ')}"`)
    const { default: command } = await load()
    command.id = id
    command.plugin = this
    return command
  }
}

// Flags may be what could not be parsed, so the report looks for its own in the raw words.
function reportOptions(argv: readonly string[]) {
  const end = argv.indexOf('--')
  const flags = new Set(end === -1 ? argv : argv.slice(0, end))
  const isVerbose = flags.has('-v') || flags.has('--verbose')
  const output = new Output({
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    isQuiet: false,
    isVerbose,
    isColourOff: flags.has('--no-color'),
  })
  return { isJson: flags.has('--json'), isVerbose, output }
}

/** The whole command schema for programs: `ehub help --json`, `ehub help send --json`. */
function schemaOf({ manifest, packageInfo }: ProgramOptions, id: string | null): unknown {
  const commands = Object.entries(manifest.commands)
    .filter(([name, command]) => command.hidden !== true && (id === null || name === id || name.startsWith(`${id}:`)))
    .map(([name, command]) => ({
      command: name.replaceAll(':', ' '),
      summary: command.summary ?? command.description,
      examples: command.examples,
      args: Object.values(command.args),
      flags: Object.values(command.flags).filter((flag) => flag.hidden !== true),
    }))
  return { name: packageInfo.name, version: packageInfo.version, commands }
}

function isClosedPipe(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EPIPE'
}

// A reader that left (`| head -1`) is a normal end; nobody is there to be told anything.
function onStreamError(error: Error): void {
  if (isClosedPipe(error)) process.exit(0)
  throw error
}

function drained(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.write('', () => resolve()))
}
