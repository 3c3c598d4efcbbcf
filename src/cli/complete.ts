// Shell completion. Static words come from the manifest and are written into the script; names of hubs and groups are asked
// from the running daemon by a hidden call that is answered before anything else is loaded. Silence is the answer whenever
// something is wrong: a completion never prints an error.

import { SystemClock } from '../base/clock.ts'
import { ControlClient } from '../client/control-client.ts'
import { lookForDaemon } from '../client/discovery.ts'
import type { ControlOperation, ControlReply, ControlRequest } from '../wire/control/contract.ts'

/** Longer than this nobody waits for a completion. */
const answerMsMax = 500

export interface NameSource {
  call<O extends ControlOperation>(operation: O, request: ControlRequest<O>): Promise<ControlReply<O>>
}

/** Answers `ehub __complete hubs` and `ehub __complete groups HUB`: one name a line. */
export async function complete(words: readonly string[]): Promise<string> {
  const daemon = lookForDaemon({ env: process.env, dataFolder: process.env.EHUB_DATA_DIR ?? null })
  if (daemon === null) return ''
  const client = new ControlClient({
    socketPath: daemon.socketPath,
    clock: new SystemClock(),
    timeoutMs: answerMsMax,
  })
  try {
    const names = await namesFor(words, client)
    return names.map((name) => `${name}\n`).join('')
  } catch {
    return ''
  }
}

export async function namesFor(words: readonly string[], source: NameSource): Promise<readonly string[]> {
  const [kind, hub] = words
  if (kind === 'hubs') return (await source.call('listHubs', {})).hubs.map(({ name }) => name)
  if (kind === 'groups' && hub !== undefined) return (await source.call('describeHub', { hub })).groups
  return []
}
