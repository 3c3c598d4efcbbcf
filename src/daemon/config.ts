// What a daemon is told, from flags and variables (already merged by the command line), then a configuration file, then
// defaults; checked once here and trusted afterwards.

import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseDuration } from '../base/duration.ts'
import { EhubError } from '../base/error.ts'
import type { Machine } from '../base/machine.ts'
import { defaultDataFolder } from '../wire/control/places.ts'
import { checkEntityName } from '../wire/entity-names.ts'
import type { Tier } from './broker/tiers.ts'
import { type LogLevel, logLevels } from './logger.ts'
import { bindAddress, type PortChoice } from './ports.ts'
import type { Durability } from './storage/storage-engine.ts'

/** As given: names are those of the flags of `ehub daemon start`, undefined is "not given". */
export interface DaemonSettings {
  readonly config?: string | undefined
  readonly 'data-dir'?: string | undefined
  readonly ephemeral?: boolean | undefined
  readonly durability?: string | undefined
  readonly tier?: string | undefined
  readonly clock?: string | undefined
  readonly bind?: string | undefined
  readonly tls?: string | undefined
  readonly 'amqp-port'?: number | undefined
  readonly 'amqps-port'?: number | undefined
  readonly 'https-port'?: number | undefined
  readonly 'blob-port'?: number | undefined
  readonly 'health-port'?: number | undefined
  readonly hub?: readonly string[] | undefined
  readonly 'log-level'?: string | undefined
  readonly 'lag-interval'?: string | undefined
}

export interface HubSeed {
  readonly name: string
  /** null: the default number. */
  readonly partitionCount: number | null
}

export interface DaemonConfig {
  /** Absolute; null: nothing is kept. */
  readonly dataFolder: string | null
  readonly durability: Durability
  readonly tier: Tier
  /** `ehub clock` may move the clock events, retention and tokens go by. */
  readonly isClockAdjustable: boolean
  readonly bind: string
  readonly isTlsOn: boolean
  readonly amqpPort: PortChoice
  readonly amqpsPort: PortChoice
  readonly httpsPort: PortChoice
  readonly blobPort: PortChoice
  readonly healthPort: PortChoice
  /** Made at start unless they exist. */
  readonly hubs: readonly HubSeed[]
  readonly logLevel: LogLevel
  /** Milliseconds between two looks at the consumer groups. */
  readonly lagSampleMs: number
}

/** Decision D11. */
const defaultPorts = {
  'amqp-port': 5672,
  'amqps-port': 5671,
  'https-port': 8443,
  'blob-port': 10_000,
  'health-port': 5300,
} as const

type Kind = 'text' | 'texts' | 'boolean' | 'port'

// The file's keys: the flags that describe a daemon.
const fileKeys = {
  'data-dir': 'text',
  ephemeral: 'boolean',
  durability: 'text',
  tier: 'text',
  clock: 'text',
  bind: 'text',
  tls: 'text',
  'amqp-port': 'port',
  'amqps-port': 'port',
  'https-port': 'port',
  'blob-port': 'port',
  'health-port': 'port',
  hub: 'texts',
  'log-level': 'text',
  'lag-interval': 'text',
} as const satisfies Record<Exclude<keyof DaemonSettings, 'config'>, Kind>

/** @throws EhubError `config-invalid` naming the setting, `file-not-found` for a file that was named. */
export function readDaemonConfig(given: DaemonSettings, machine: Machine): DaemonConfig {
  const settings = { ...readConfigFile(given.config, machine), ...withoutUndefined(given) }
  const port = (name: keyof typeof defaultPorts): PortChoice => {
    const value = settings[name]
    return { port: value ?? defaultPorts[name], isExplicit: value !== undefined }
  }
  const isEphemeral = settings.ephemeral === true
  if (isEphemeral && given['data-dir'] !== undefined && machine.env.EHUB_DATA_DIR !== given['data-dir']) {
    throw invalid('--ephemeral keeps nothing and takes no --data-dir')
  }
  return {
    dataFolder: isEphemeral ? null : resolve(settings['data-dir'] ?? defaultDataFolder(machine)),
    durability: isEphemeral ? 'memory' : oneOf('durability', settings.durability ?? 'sync', ['sync', 'os', 'memory']),
    tier: oneOf('tier', settings.tier ?? 'standard', ['basic', 'standard', 'premium', 'unlimited']),
    isClockAdjustable: oneOf('clock', settings.clock ?? 'system', ['system', 'adjustable']) === 'adjustable',
    bind: bindAddress(settings.bind ?? '127.0.0.1'),
    isTlsOn: oneOf('tls', settings.tls ?? 'auto', ['auto', 'off']) === 'auto',
    amqpPort: port('amqp-port'),
    amqpsPort: port('amqps-port'),
    httpsPort: port('https-port'),
    blobPort: port('blob-port'),
    healthPort: port('health-port'),
    hubs: (settings.hub ?? []).map(parseHubSeed),
    logLevel: oneOf('log-level', settings['log-level'] ?? 'info', logLevels),
    lagSampleMs: lagInterval(settings['lag-interval'] ?? '1s'),
  }
}

/** @param text `name` or `name:partitions`. */
export function parseHubSeed(text: string): HubSeed {
  const [name = '', count, ...rest] = text.split(':')
  checkEntityName('hub', name)
  if (count === undefined) return { name, partitionCount: null }
  if (rest.length > 0 || !/^\d{1,4}$/.test(count)) throw invalid(`--hub "${text}" is not NAME or NAME:PARTITIONS`)
  return { name, partitionCount: Number(count) }
}

/** Faster looks would cost what they measure, slower ones say nothing. */
function lagInterval(text: string): number {
  const ms = parseDuration(text)
  if (ms < 50 || ms > 60_000) throw invalid(`--lag-interval "${text}" is not between 50ms and 1m`)
  return ms
}

function oneOf<T extends string>(name: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((candidate) => candidate === value)
  if (found === undefined) throw invalid(`--${name} "${value}" is not one of ${allowed.join(', ')}`)
  return found
}

function readConfigFile(named: string | undefined, machine: Machine): DaemonSettings {
  const path = named ?? defaultConfigFile(machine)
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    if (isMissing && named === undefined) return {}
    const reason = isMissing ? 'does not exist' : 'cannot be read'
    throw new EhubError(isMissing ? 'file-not-found' : 'config-invalid', `the configuration file "${path}" ${reason}`, {
      cause: error,
    })
  }
  return parseConfigFile(text, path)
}

function defaultConfigFile({ env, homeFolder }: Machine): string {
  const { XDG_CONFIG_HOME: config = '' } = env
  return join(config === '' ? join(homeFolder, '.config') : config, 'ehub', 'config.json')
}

/** The object under `daemon`; other parts of the file belong to other commands. */
export function parseConfigFile(text: string, path: string): DaemonSettings {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw invalid(`"${path}" is not valid JSON: ${reason}`)
  }
  if (!isRecord(value)) throw invalid(`"${path}" does not hold a JSON object`)
  const section = Object.hasOwn(value, 'daemon') ? value.daemon : {}
  if (!isRecord(section)) throw invalid(`"daemon" in "${path}" is not an object`)
  const settings: [string, unknown][] = []
  for (const [key, setting] of Object.entries(section)) {
    const kind: Kind | undefined = Object.hasOwn(fileKeys, key) ? Reflect.get(fileKeys, key) : undefined
    if (kind === undefined) {
      throw invalid(`"${path}" has the unknown setting "${key}"`, `Known are ${Object.keys(fileKeys).join(', ')}.`)
    }
    if (!fits(kind, setting)) throw invalid(`"${key}" in "${path}" must be ${kindNames[kind]}`)
    settings.push([key, setting])
  }
  return Object.fromEntries(settings)
}

const kindNames = {
  text: 'a text',
  texts: 'a list of texts',
  boolean: 'true or false',
  port: 'a port, 0 to 65535',
} as const satisfies Record<Kind, string>

function fits(kind: Kind, value: unknown): boolean {
  switch (kind) {
    case 'text':
      return typeof value === 'string'
    case 'texts':
      return Array.isArray(value) && value.every((item) => typeof item === 'string')
    case 'boolean':
      return typeof value === 'boolean'
    case 'port':
      return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 65_535
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function withoutUndefined(settings: DaemonSettings): DaemonSettings {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined))
}

function invalid(message: string, hint?: string): EhubError {
  return new EhubError('config-invalid', message, hint === undefined ? {} : { hint })
}
