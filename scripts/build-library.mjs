// What a user's own program may import: one ES module and its types for each entry of `exports` in package.json, beside the
// executable in `build/`.

import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'

export const libraries = { 'checkpoint-store': 'src/client/checkpoint-store.ts' }

/** @param root The repository; it is the current folder. */
export async function buildLibraries(root) {
  for (const [name, source] of Object.entries(libraries)) {
    await build({
      entryPoints: [source],
      outfile: `build/${name}.mjs`,
      bundle: true,
      platform: 'node',
      target: 'node20',
      format: 'esm',
      keepNames: true,
      logLevel: 'error',
    })
    writeTypes(root, name, source)
  }
}

/** Of this one file and what its public names mention. */
function writeTypes(root, name, source) {
  const folder = mkdtempSync(join(root, 'build', 'types-'))
  try {
    const compilerOptions = {
      noEmit: false,
      declaration: true,
      emitDeclarationOnly: true,
      outDir: folder,
      rootDir: root,
    }
    const config = { extends: join(root, 'tsconfig.json'), compilerOptions, include: [], files: [join(root, source)] }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
    const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
    const { status, stdout } = spawnSync(process.execPath, [compiler, '-p', folder], { encoding: 'utf8' })
    if (status !== 0) throw new Error(`the types of ${source} could not be made:\n${stdout}`)
    copyFileSync(join(folder, source.replace(/\.ts$/, '.d.ts')), `build/${name}.d.mts`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
