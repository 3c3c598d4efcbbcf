// The only list of commands: id to loader. Manifest, help, completion and lookup are made from it. A command imports heavy
// libraries inside `run`, never at its top.

import type { CommandTable } from '../cli/program.ts'

export const commands = {
  'list-hubs': () => import('./list-hubs.ts'),
} as const satisfies CommandTable
