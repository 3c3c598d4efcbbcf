// The rules of the house as pure functions of a file's path and text, so that the tidy test can plant a violation of
// each and see it found.

export interface SourceFile {
  /** Relative to the repository, `/`-separated. */
  readonly path: string
  readonly text: string
}

export interface Violation {
  readonly path: string
  readonly rule: string
  readonly detail: string
}

interface Floor {
  /** Path prefix, longest match wins. */
  readonly folder: string
  /** Prefixes it may import from, besides its own folder. */
  readonly may: readonly string[]
  /** Third-party packages it may import. */
  readonly packages?: readonly string[]
}

/** What the floors above storage see of it. */
const storageApi = ['src/daemon/storage/storage-engine.ts', 'src/daemon/storage/survivors.ts']

// docs/ARCHITECTURE.md, "Floors". Imports go downwards only.
const floors: readonly Floor[] = [
  { folder: 'src/base/', may: [] },
  { folder: 'src/wire/', may: ['src/base/'] },
  {
    folder: 'src/wire/capture/',
    may: ['src/base/', 'src/wire/'],
    packages: ['avsc', '@platformatic/wasm-utils/bundled'],
  },
  { folder: 'src/daemon/storage/', may: ['src/base/', 'src/wire/'] },
  {
    folder: 'src/daemon/broker/',
    may: ['src/base/', 'src/wire/', ...storageApi],
  },
  {
    // Looks at the broker over time; its samples lie on the disk beside the logs.
    folder: 'src/daemon/observe/',
    may: ['src/base/', 'src/wire/', 'src/daemon/broker/', ...storageApi, 'src/daemon/storage/disk.ts'],
  },
  {
    folder: 'src/daemon/protocols/amqp/',
    may: ['src/base/', 'src/wire/', 'src/daemon/broker/', ...storageApi],
    packages: ['ws'],
  },
  {
    folder: 'src/daemon/protocols/control/',
    may: ['src/base/', 'src/wire/', 'src/daemon/broker/', ...storageApi],
  },
  {
    folder: 'src/daemon/protocols/blob/',
    // Content of larger blobs lies on the disk beside the logs.
    may: ['src/base/', 'src/wire/', 'src/daemon/broker/', ...storageApi, 'src/daemon/storage/disk.ts'],
  },
  {
    folder: 'src/daemon/protocols/capture/',
    may: [
      'src/base/',
      'src/wire/',
      'src/daemon/broker/',
      ...storageApi,
      // A folder is one of its destinations.
      'src/daemon/storage/disk.ts',
    ],
    packages: ['undici', 'aws4fetch'],
  },
  {
    folder: 'src/daemon/protocols/http/',
    may: ['src/base/', 'src/wire/', 'src/daemon/broker/', ...storageApi],
    packages: ['prom-client'],
  },
  {
    folder: 'src/daemon/',
    may: ['src/base/', 'src/wire/', 'src/daemon/'],
    packages: ['pino', '@peculiar/x509', 'reflect-metadata'],
  },
  { folder: 'src/client/', may: ['src/base/', 'src/wire/'], packages: ['rhea', 'undici', 'ws', 'aws4fetch'] },
  {
    folder: 'src/cli/',
    may: ['src/base/', 'src/wire/', 'src/client/'],
    packages: [
      '@oclif/core',
      'cli-table3',
      'cli-progress',
      'string-width',
      'hyparquet-writer',
      '@platformatic/wasm-utils/bundled',
    ],
  },
  {
    folder: 'src/tui/',
    may: ['src/base/', 'src/wire/', 'src/client/'],
    packages: ['ink', 'react', 'react/jsx-runtime', 'string-width', 'yoga-layout'],
  },
  {
    folder: 'src/commands/',
    may: ['src/base/', 'src/wire/', 'src/client/', 'src/cli/'],
    packages: ['@oclif/core'],
  },
  { folder: 'src/boot.ts', may: ['src/base/', 'src/cli/', 'src/commands/', 'src/wire/'], packages: ['@oclif/core'] },
]

// What commands may reach only by `import()`, so that starting the program does not load it.
const dynamicOnly: readonly { readonly folder: string; readonly may: readonly string[] }[] = [
  { folder: 'src/commands/', may: ['src/tui/', 'src/daemon/run.ts', 'src/daemon/storage/'] },
]

interface ForbiddenCall {
  readonly name: string
  readonly pattern: RegExp
  /** Path prefixes where it is at home. */
  readonly homes: readonly string[]
}

const forbiddenCalls: readonly ForbiddenCall[] = [
  {
    name: 'wall clock or timers (take a Clock)',
    pattern: /\bDate\.now\(|\bperformance\.now\(|\bnew Date\(\)|\b(setTimeout|setInterval|setImmediate)\(|node:timers/,
    homes: ['src/base/clock.ts'],
  },
  {
    name: 'chance (take a Random)',
    pattern: /\bMath\.random\(|\brandomBytes\(|\brandomUUID\(|\brandomFillSync\(|\bgetRandomValues\(/,
    homes: ['src/base/random.ts'],
  },
  {
    name: 'node:fs (disk access has its homes)',
    pattern: /(?:from|import|import\()\s*['"](node:)?fs(\/promises)?['"]/,
    homes: [
      'src/daemon/storage/node-disk',
      'src/daemon/storage/folder-lock.ts',
      'src/daemon/config.ts',
      'src/daemon/tls.ts',
      'src/daemon/discovery.ts',
      'src/daemon/secrets.ts',
      'src/daemon/capture.ts',
      'src/daemon/run.ts',
      'src/daemon/logger.ts',
      'src/daemon/protocols/control/',
      'src/client/',
      'src/cli/',
      'src/commands/',
    ],
  },
  {
    name: 'sockets (only protocol servers and clients)',
    pattern: /(?:from|import|import\()\s*['"](node:)?(net|tls|http|https|http2|dgram)['"]/,
    homes: [
      'src/daemon/protocols/',
      'src/daemon/assemble.ts',
      'src/daemon/ports.ts',
      'src/daemon/tls.ts',
      'src/daemon/storage/folder-lock.ts',
      'src/client/',
    ],
  },
  { name: 'console', pattern: /\bconsole\.\w+\(/, homes: [] },
  {
    name: 'standard streams (only where the program talks)',
    pattern: /\bprocess\.(stdout|stderr|stdin)\b/,
    homes: ['src/cli/', 'src/commands/', 'src/tui/', 'src/boot.ts', 'src/daemon/run.ts', 'src/daemon/logger.ts'],
  },
  { name: 'unfinished business', pattern: /\b(TODO|FIXME|XXX)\b|not implemented|placeholder/i, homes: [] },
  { name: 'enum', pattern: /^\s*(export\s+)?(const\s+)?enum\s/m, homes: [] },
  { name: 'default export', pattern: /^\s*export default\b/m, homes: ['src/commands/'] },
]

export const linesMax = 400

const importPattern =
  /(?:^|[\s;}])(?:import|export)\s+(?:type\s+)?[^'"();]*?from\s*['"]([^'"]+)['"]|(?:^|\n)\s*import\s*['"]([^'"]+)['"]/g
const dynamicPattern = /\bimport\(\s*['"]([^'"]+)['"]\s*\)/g

export interface Import {
  readonly target: string
  readonly isDynamic: boolean
}

/** Targets of every import: repository paths for relative ones, package names for others. */
export function importsOf(file: SourceFile): readonly Import[] {
  const text = withoutComments(file.text)
  const found: Import[] = []
  for (const match of text.matchAll(importPattern)) {
    found.push({ target: resolveTarget(file.path, match[1] ?? match[2] ?? ''), isDynamic: false })
  }
  for (const match of text.matchAll(dynamicPattern)) {
    found.push({ target: resolveTarget(file.path, match[1] ?? ''), isDynamic: true })
  }
  return found
}

/** Every violation of floors, forbidden calls and sizes in one file of `src`. */
export function violationsOf(file: SourceFile): readonly Violation[] {
  return [...floorViolations(file), ...callViolations(file), ...sizeViolations(file)]
}

function floorViolations(file: SourceFile): readonly Violation[] {
  const floor = floorOf(file.path)
  if (floor === undefined) return [{ path: file.path, rule: 'floor', detail: 'lies on no floor' }]
  const found: Violation[] = []
  for (const { target, isDynamic } of importsOf(file)) {
    if (target.startsWith('node:')) continue
    if (target.startsWith('src/')) {
      const allowed = [floor.folder, ...floor.may, ...(isDynamic ? extraDynamic(file.path) : [])]
      if (!allowed.some((prefix) => target.startsWith(prefix))) {
        found.push({ path: file.path, rule: 'floor', detail: `may not import ${target}` })
      }
      if (!/\.(ts|tsx|json)$/.test(target)) {
        found.push({ path: file.path, rule: 'floor', detail: `import of ${target} lacks its extension` })
      }
      continue
    }
    if (!(floor.packages ?? []).includes(target)) {
      found.push({ path: file.path, rule: 'package', detail: `may not import the package ${target}` })
    }
  }
  return found
}

function callViolations(file: SourceFile): readonly Violation[] {
  const text = withoutComments(file.text)
  const found: Violation[] = []
  for (const { name, pattern, homes } of forbiddenCalls) {
    if (homes.some((home) => file.path.startsWith(home))) continue
    const match = pattern.exec(name === 'unfinished business' ? file.text : text)
    if (match !== null) found.push({ path: file.path, rule: 'call', detail: `${name}: ${match[0].trim()}` })
  }
  return found
}

function sizeViolations(file: SourceFile): readonly Violation[] {
  const lines = file.text.split('\n').length - 1
  if (lines <= linesMax) return []
  return [{ path: file.path, rule: 'size', detail: `${lines} lines, at most ${linesMax}` }]
}

/** Cycles among the files, each named by its members in order. */
export function cyclesOf(files: readonly SourceFile[]): readonly string[] {
  const graph = new Map(files.map((file) => [file.path, importsOf(file).filter((i) => !i.isDynamic)] as const))
  const state = new Map<string, 'open' | 'done'>()
  const cycles: string[] = []
  const visit = (path: string, trail: readonly string[]): void => {
    if (state.get(path) === 'done') return
    if (state.get(path) === 'open') {
      cycles.push([...trail.slice(trail.indexOf(path)), path].join(' → '))
      return
    }
    state.set(path, 'open')
    for (const { target } of graph.get(path) ?? []) if (graph.has(target)) visit(target, [...trail, path])
    state.set(path, 'done')
  }
  for (const path of graph.keys()) visit(path, [])
  return cycles
}

function floorOf(path: string): Floor | undefined {
  return floors
    .filter((floor) => path.startsWith(floor.folder))
    .toSorted((a, b) => b.folder.length - a.folder.length)
    .at(0)
}

function extraDynamic(path: string): readonly string[] {
  return dynamicOnly.filter((row) => path.startsWith(row.folder)).flatMap((row) => row.may)
}

function resolveTarget(from: string, target: string): string {
  if (!target.startsWith('.')) return target
  const parts = from.split('/').slice(0, -1)
  for (const part of target.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '.') parts.push(part)
  }
  return parts.join('/')
}

// Good enough for sources that are formatted by a tool: block comments, and line comments that begin a line or follow a blank.
function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, ' ').replace(/(^|\s)\/\/[^\n]*/g, '$1')
}
