// `npm run bench [-- --only NAME --rounds 5 --quick --json FILE]`: runs the benches with the project's own Node, whatever
// Node npm itself runs on.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const { status, signal, error } = spawnSync(
  `${root}node_modules/.bin/node`,
  ['--no-warnings', `${root}test/bench/run.ts`, ...process.argv.slice(2)],
  { stdio: 'inherit' },
)
if (error) throw error
process.exit(signal ? 1 : status)
