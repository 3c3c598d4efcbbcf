// Runs the program from its sources, without building: `node_modules/.bin/node scripts/dev.mjs list-hubs`.

import './tsx-hook.mjs'
import { boot } from '../src/boot.ts'
import { commands } from '../src/commands/table.ts'
import { makeManifest, readPackageInfo } from './manifest.mjs'

const packageInfo = readPackageInfo()
if (process.argv[2] === '--version') process.stdout.write(`${packageInfo.name} ${packageInfo.version}\n`)
else await boot(process.argv.slice(2), await makeManifest(commands, packageInfo), packageInfo)
