// Lets Node run the sources: it strips types from `.ts` by itself, but not from `.tsx`, which esbuild does here.
import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'

const major = Number(process.versions.node.split('.')[0])
if (major < 24)
  throw new Error(`Node 24 is needed, this is ${process.version}: run it through npm (npm ci installs it)`)

let transform
registerHooks({
  load(url, context, nextLoad) {
    if (!url.endsWith('.tsx')) return nextLoad(url, context)
    transform ??= process.getBuiltinModule('node:module').createRequire(import.meta.url)('esbuild').transformSync
    const source = readFileSync(fileURLToPath(url), 'utf8')
    const { code } = transform(source, {
      loader: 'tsx',
      jsx: 'automatic',
      format: 'esm',
      target: 'node24',
      sourcefile: url,
    })
    return { format: 'module', source: code, shortCircuit: true }
  },
})
