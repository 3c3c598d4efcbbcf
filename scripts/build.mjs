// Builds the one executable, `build/ehub` (docs/decisions/0001): bundle, command manifest, warmed code cache, two-stage entry,
// injected into a copy of the Node binary this runs on.

import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const major = Number(process.versions.node.split('.')[0])
if (major !== 24) {
  console.error(
    `The executable is built with Node 24, this is ${process.version}: run "npm run build" (npm ci installs it).`,
  )
  process.exit(1)
}

const { build } = await import('esbuild')
const { inject } = await import('postject')
const { makeManifest, readPackageInfo } = await import('./manifest.mjs')
const { inkPlugin } = await import('./build-ink.mjs')
const { buildLibraries } = await import('./build-library.mjs')
await import('./tsx-hook.mjs')
const { commands } = await import('../src/commands/table.ts')

// See scripts/build-absent.cjs.
const absent = ['typescript', 'pnpapi', 'semver', 'tinyglobby', 'minimatch', 'lilconfig', 'wsl-utils']

const root = fileURLToPath(new URL('..', import.meta.url))
process.chdir(root)
mkdirSync('build', { recursive: true })
const startedAt = performance.now()
const packageInfo = readPackageInfo()

writeFileSync('build/app.js', await bundle())
writeFileSync(
  'build/entry.cjs',
  readFileSync('scripts/build-entry.cjs', 'utf8').replace('${VERSION}', packageInfo.version),
)
await buildLibraries(root)
warmCodeCaches()
await makeExecutable()
console.log(`build/ehub ${packageInfo.version} in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`)

/** One CommonJS file as a function expression of (exports, require, module, __filename, __dirname), plain ASCII. */
async function bundle() {
  const manifest = await makeManifest(commands, packageInfo)
  const { outputFiles } = await build({
    stdin: {
      contents: [
        "export { boot } from './src/boot.ts'",
        `export const manifest = ${JSON.stringify(manifest)}`,
        `export const packageInfo = ${JSON.stringify(packageInfo)}`,
      ].join('\n'),
      resolveDir: root,
      loader: 'ts',
    },
    bundle: true,
    write: false,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    minify: true,
    // Names show up in stacks of bug reports.
    keepNames: true,
    charset: 'ascii',
    jsx: 'automatic',
    plugins: [inkPlugin],
    define: { 'process.env.NODE_ENV': '"production"', 'import.meta.url': '__filename' },
    alias: Object.fromEntries(absent.map((name) => [name, './scripts/build-absent.cjs'])),
    logLevel: 'error',
  })
  const code = outputFiles[0].text
  // A single character above 0x7F would turn the whole source into a two-byte string.
  const ascii = code.replace(
    /[^\0-\x7f]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  return `(function (exports, require, module, __filename, __dirname) {${ascii}\n})`
}

/**
 * Runs the hot path once, `ehub send` to a daemon of its own, and keeps what was compiled: only functions that really ran
 * make the cache worth its size. The same for the screen, which runs a lot that no other command does.
 */
function warmCodeCaches() {
  for (const name of ['app.cache', 'screen.cache']) rmSync(join('build', name), { force: true })
  const home = mkdtempSync(join(tmpdir(), 'ehub-build-'))
  const env = { PATH: process.env.PATH, HOME: home, EHUB_RUNTIME_DIR: join(home, 'run') }
  const ehub = (argv, more = {}, expected = 0) => {
    const options = { env: { ...env, ...more }, encoding: 'utf8', timeout: 60_000 }
    const { status, stderr } = spawnSync(process.execPath, ['build/entry.cjs', ...argv], options)
    if (status !== expected)
      throw new Error(`the warming run "ehub ${argv.join(' ')}" ended with ${status}:\n${stderr}`)
  }
  try {
    ehub(['daemon', 'start', '--ephemeral', '--amqp-port', '0', '--tls', 'off', '--hub', 'warm:1'])
    try {
      ehub(['send', 'warm', 'hello'], { EHUB_BUILD_CACHE: join(root, 'build/app.cache') })
      // It is ended as a terminal's end would.
      ehub(['top'], { EHUB_BUILD_CACHE: join(root, 'build/screen.cache'), TERM: 'xterm-256color' }, 143)
    } finally {
      ehub(['daemon', 'stop', '--grace', '0s'])
    }
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}

async function makeExecutable() {
  const config = {
    main: 'build/entry.cjs',
    output: 'build/sea.blob',
    disableExperimentalSEAWarning: true,
    useCodeCache: true,
    useSnapshot: false,
    execArgv: ['--disable-warning=ExperimentalWarning'],
    execArgvExtension: 'none',
    assets: Object.fromEntries(['app.js', 'app.cache', 'screen.cache'].map((name) => [name, `build/${name}`])),
  }
  writeFileSync('build/sea.json', JSON.stringify(config))
  const { status, stderr } = spawnSync(process.execPath, ['--experimental-sea-config', 'build/sea.json'], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`the executable's blob could not be made:\n${stderr}`)
  // Put together beside its place and renamed into it: somebody may be running the old one.
  const unfinished = `build/ehub.${process.pid}`
  copyFileSync(process.execPath, unfinished)
  chmodSync(unfinished, 0o755)
  await quietly(() =>
    inject(unfinished, 'NODE_SEA_BLOB', readFileSync('build/sea.blob'), {
      sentinelFuse: 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2',
    }),
  )
  writeInPages(unfinished)
  renameSync(unfinished, 'build/ehub')
  rmSync('build/sea.blob')
  rmSync('build/sea.json')
}

/**
 * Writes the file anew, page by page. Linux keeps what was written in large pieces in large pages and maps those whole into
 * every process: 24 MB more for each daemon (measured on ext4, Linux 6.18: 73 MB of mapped file against 49 MB).
 */
function writeInPages(path) {
  const bytes = readFileSync(path)
  rmSync(path)
  const descriptor = openSync(path, 'w', 0o755)
  const pageBytes = 4096
  for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at, Math.min(pageBytes, bytes.length - at))
  closeSync(descriptor)
}

/** postject prints harmless lines about string offsets. */
async function quietly(run) {
  const { log, warn, error } = console
  Object.assign(console, { log: () => {}, warn: () => {}, error: () => {} })
  try {
    await run()
  } finally {
    Object.assign(console, { log, warn, error })
  }
}
