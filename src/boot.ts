// Entry of the bundle: the executable's first stage has answered `--version` already and calls `boot` with everything else.

import { type Manifest, type PackageInfo, runProgram } from './cli/program.ts'
import { commands } from './commands/table.ts'

/** Runs one command line and ends the process with its exit code. */
export async function boot(argv: readonly string[], manifest: Manifest, packageInfo: PackageInfo): Promise<never> {
  process.exit(await runProgram({ argv, manifest, packageInfo, commands }))
}
