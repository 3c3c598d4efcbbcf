// Entry of the bundle: the executable's first stage has answered `--version` already and calls `boot` with everything else.

import { complete } from './cli/complete.ts'
import { type Manifest, type PackageInfo, runProgram } from './cli/program.ts'
import { commands } from './commands/table.ts'

/** Runs one command line and ends the process with its exit code. */
export async function boot(argv: readonly string[], manifest: Manifest, packageInfo: PackageInfo): Promise<never> {
  if (argv[0] === '__complete') {
    process.stdout.write(await complete(argv.slice(1)))
    process.exit(0)
  }
  process.exit(await runProgram({ argv, manifest, packageInfo, commands }))
}
