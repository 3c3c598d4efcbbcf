// The command manifest: flags, arguments and summaries of every command, as oclif caches them. Help, completion and lookup
// work from it without loading a command.

import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const require = createRequire(import.meta.url)
// Hidden by the package's exports map, so it is loaded by its path.
const { cacheCommand } = require(join(dirname(require.resolve('@oclif/core')), 'util/cache-command.js'))

/** @param commands The table of `src/commands/table.ts`. */
export async function makeManifest(commands, packageInfo) {
  const cached = await Promise.all(
    Object.entries(commands).map(async ([id, load]) => {
      const { default: command } = await load()
      command.id = id
      return [
        id,
        { ...(await cacheCommand(command, undefined, false)), pluginName: packageInfo.name, aliases: command.aliases },
      ]
    }),
  )
  return { version: packageInfo.version, commands: Object.fromEntries(cached) }
}

export function readPackageInfo() {
  const { name, version, description } = require('../package.json')
  return { name, version, description }
}
