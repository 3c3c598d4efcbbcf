// The official Java SDK's EventProcessorClient with its blob checkpoint store. Needs Maven, which can get the jars, and the JDK's
// `javac` and `java`; asked for by its name, since the first time takes a minute:
//   EHUB_MAVEN=mvn npm test

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Application, proveProcessors } from '../processors.ts'

const maven = process.env['EHUB_MAVEN']
const options = maven === undefined ? { skip: 'EHUB_MAVEN names no Maven; see the head of this file' } : {}
const application: Application = maven === undefined ? ['java'] : build(maven)

function build(mvn: string): Application {
  const target = mkdtempSync(join(tmpdir(), 'ehub-java-'))
  after(() => rmSync(target, { recursive: true }))
  const cwd = fileURLToPath(new URL('.', import.meta.url))
  const listed = join(target, 'class-path')
  execFileSync(mvn, ['-q', '-B', 'dependency:build-classpath', `-Dmdep.outputFile=${listed}`], {
    cwd,
    stdio: 'inherit',
  })
  const jars = readFileSync(listed, 'utf8').trim()
  execFileSync('javac', ['-cp', jars, '-d', target, 'Processor.java'], { cwd, stdio: 'inherit' })
  return ['java', '-cp', `${target}:${jars}`, 'Processor']
}

test('Java: two processors share, follow and go on', options, (t) => proveProcessors(t, application, application))
