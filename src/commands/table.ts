// The only list of commands: id to loader. Manifest, help, completion and lookup are made from it. A command imports heavy
// libraries inside `run`, never at its top.

import type { CommandTable } from '../cli/program.ts'

export const commands = {
  capture: () => import('./capture.ts'),
  'capture-list': () => import('./capture-list.ts'),
  'capture-export': () => import('./capture-export.ts'),
  checkpoint: () => import('./checkpoint.ts'),
  completion: () => import('./completion.ts'),
  'connection-string': () => import('./connection-string.ts'),
  'create-group': () => import('./create-group.ts'),
  'create-hub': () => import('./create-hub.ts'),
  'daemon:certificates': () => import('./daemon/certificates.ts'),
  'daemon:logs': () => import('./daemon/logs.ts'),
  'daemon:restart': () => import('./daemon/restart.ts'),
  'daemon:run': () => import('./daemon/run.ts'),
  'daemon:start': () => import('./daemon/start.ts'),
  'daemon:status': () => import('./daemon/status.ts'),
  'daemon:stop': () => import('./daemon/stop.ts'),
  'delete-group': () => import('./delete-group.ts'),
  'delete-hub': () => import('./delete-hub.ts'),
  describe: () => import('./describe.ts'),
  doctor: () => import('./doctor.ts'),
  expire: () => import('./expire.ts'),
  inspect: () => import('./inspect.ts'),
  lag: () => import('./lag.ts'),
  'list-groups': () => import('./list-groups.ts'),
  'list-hubs': () => import('./list-hubs.ts'),
  owners: () => import('./owners.ts'),
  'list-receivers': () => import('./list-receivers.ts'),
  'update-hub': () => import('./update-hub.ts'),
  top: () => import('./top.ts'),
  verify: () => import('./verify.ts'),
  purge: () => import('./purge.ts'),
  receive: () => import('./receive.ts'),
  send: () => import('./send.ts'),
} as const satisfies CommandTable
