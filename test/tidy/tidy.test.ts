// The house rules: floors, forbidden calls, sizes, cycles, dead files, switched-off tests. docs/ARCHITECTURE.md says why.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, test } from 'node:test'
import { cyclesOf, importsOf, linesMax, type SourceFile, violationsOf } from './rules.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

function filesBelow(folder: string, pattern: RegExp): readonly SourceFile[] {
  const found: SourceFile[] = []
  const walk = (path: string): void => {
    for (const name of readdirSync(path)) {
      const full = join(path, name)
      if (statSync(full).isDirectory()) walk(full)
      else if (pattern.test(name)) {
        found.push({ path: relative(root, full).replaceAll('\\', '/'), text: readFileSync(full, 'utf8') })
      }
    }
  }
  walk(join(root, folder))
  return found
}

const sources = filesBelow('src', /\.tsx?$/)
const tests = filesBelow('test', /\.tsx?$/)

describe('the tree keeps the house rules', () => {
  test('floors, packages, forbidden calls and sizes', () => {
    const lines = sources.flatMap(violationsOf).map((v) => `${v.path}: ${v.rule}: ${v.detail}`)
    assert.deepEqual(lines, [])
  })

  test('no import cycles', () => {
    assert.deepEqual(cyclesOf(sources), [])
  })

  test('every source file is reached from the program', () => {
    const byPath = new Map(sources.map((file) => [file.path, file]))
    const reached = new Set<string>()
    const visit = (path: string): void => {
      const file = byPath.get(path)
      if (file === undefined || reached.has(path)) return
      reached.add(path)
      for (const { target } of importsOf(file)) visit(target)
    }
    visit('src/boot.ts')
    const scripts = filesBelow('scripts', /\.mjs$/)
    for (const file of sources) {
      const name = file.path.slice('src/'.length)
      if (scripts.some((script) => script.text.includes(name))) visit(file.path)
    }
    assert.deepEqual(
      sources.map((file) => file.path).filter((path) => !reached.has(path)),
      [],
    )
  })

  test('no test is switched off for good', () => {
    const pattern = /\b(test|it|describe|suite)\.(skip|todo|only)\(|\{\s*(skip|todo|only): true/
    assert.deepEqual(
      tests.filter((file) => !file.path.startsWith('test/tidy/') && pattern.test(file.text)).map((file) => file.path),
      [],
    )
  })

  test('no path of somebody’s machine in a tracked text', () => {
    const pattern = /\/home\/[a-z]+\/|\/Users\/[A-Za-z]+\//
    assert.deepEqual(
      [...sources, ...tests, ...filesBelow('docs', /\.md$/)]
        .filter((file) => pattern.test(file.text))
        .map((f) => f.path),
      [],
    )
  })
})

// Each rule is shown to bite: a rule that cannot fail protects nothing.
describe('a planted violation is found', () => {
  const planted: readonly (readonly [string, SourceFile, RegExp])[] = [
    [
      'an upward import',
      { path: 'src/base/a.ts', text: "import { x } from '../wire/x.ts'\n" },
      /may not import src\/wire/,
    ],
    [
      'a sideways import',
      { path: 'src/daemon/protocols/amqp/a.ts', text: "import type { x } from '../control/x.ts'\n" },
      /may not import src\/daemon\/protocols\/control/,
    ],
    [
      'the broker looking into an engine',
      { path: 'src/daemon/broker/a.ts', text: "import {\n  x,\n} from '../storage/segment.ts'\n" },
      /may not import src\/daemon\/storage\/segment/,
    ],
    [
      'a command loading the daemon at its top',
      { path: 'src/commands/a.ts', text: "import { run } from '../daemon/run.ts'\n" },
      /may not import src\/daemon\/run/,
    ],
    ['a package off its floor', { path: 'src/wire/a.ts', text: "import rhea from 'rhea'\n" }, /package rhea/],
    ['the wall clock', { path: 'src/wire/a.ts', text: 'const t = Date.now()\n' }, /wall clock/],
    ['a timer', { path: 'src/daemon/broker/a.ts', text: 'setTimeout(f, 1)\n' }, /timers/],
    ['chance', { path: 'src/daemon/broker/a.ts', text: 'const x = Math.random()\n' }, /chance/],
    ['the file system', { path: 'src/daemon/broker/a.ts', text: "import * as fs from 'node:fs'\n" }, /node:fs/],
    ['a socket', { path: 'src/wire/a.ts', text: "import { connect } from 'node:net'\n" }, /sockets/],
    ['console', { path: 'src/cli/a.ts', text: "console.log('x')\n" }, /console/],
    [
      'standard output below the command line',
      { path: 'src/wire/a.ts', text: 'process.stdout.write(x)\n' },
      /standard streams/,
    ],
    ['unfinished business', { path: 'src/wire/a.ts', text: '// TODO later\n' }, /unfinished/],
    ['a file with two ideas', { path: 'src/wire/a.ts', text: 'x\n'.repeat(linesMax + 1) }, /401 lines/],
  ]
  for (const [what, file, expected] of planted) {
    test(what, () => {
      assert.match(
        violationsOf(file)
          .map((v) => v.detail)
          .join('; '),
        expected,
      )
    })
  }

  test('a cycle', () => {
    const files = [
      { path: 'src/base/a.ts', text: "import { b } from './b.ts'\n" },
      { path: 'src/base/b.ts', text: "import { a } from './a.ts'\n" },
    ]
    assert.equal(cyclesOf(files).length, 1)
  })

  test('what is allowed is not reported', () => {
    const file = {
      path: 'src/commands/a.ts',
      text: "// Date.now() here is talk\nconst m = await import('../daemon/run.ts')\n",
    }
    assert.deepEqual(violationsOf(file), [])
  })
})
