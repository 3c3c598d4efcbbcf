// Programs in Go for tests: built once a run, where `EHUB_GO` names a tool chain.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { fileURLToPath } from 'node:url'

/** @param folder Of the program's module. @returns Where the program is, until the tests of the file are through; options for tests that need it. */
export function buildGo(folder: URL): { readonly program: string; readonly options: { readonly skip?: string } } {
  const go = process.env['EHUB_GO']
  if (go === undefined) {
    return { program: '', options: { skip: 'EHUB_GO names no Go tool chain; see the head of this file' } }
  }
  const target = mkdtempSync(join(tmpdir(), 'ehub-go-'))
  after(() => rmSync(target, { recursive: true }))
  const program = join(target, 'program')
  execFileSync(go, ['build', '-o', program, '.'], { cwd: fileURLToPath(folder), stdio: 'inherit' })
  return { program, options: {} }
}
