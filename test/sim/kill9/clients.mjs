// The client processes of the kill -9 and power-cut runs: two that publish, two that read. What they write goes to the judge.

import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const script = fileURLToPath(new URL('client.mjs', import.meta.url))
const roles = [
  { mode: 'send', producers: [0, 1, 2, 3], reader: 0 },
  { mode: 'send', producers: [4, 5, 6, 7], reader: 0 },
  { mode: 'read', producers: [], reader: 1_000_000 },
  { mode: 'read', producers: [], reader: 2_000_000 },
]

/** @param target `{ port, key, hub, partitions, bodyBytesMax }` */
export function startClients(target, judge) {
  return roles.map((role) => {
    const child = spawn(process.execPath, [script, JSON.stringify({ ...target, ...role })], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const marks = new Map()
    const lines = createInterface({ input: child.stdout })
    lines.on('line', (line) => {
      const mark = judge.take(line)
      if (mark !== null) marks.get(mark.mark)?.(mark.at)
    })
    const ended = new Promise((resolve) => lines.on('close', resolve))
    let onGone = () => undefined
    void ended.then(() => onGone())
    child.stdin.on('error', () => undefined)
    return {
      child,
      /** Resolves with the time at which everything before has been written. */
      mark: (number) =>
        new Promise((resolve, reject) => {
          marks.set(number, resolve)
          onGone = () => reject(new Error('a client ended by itself'))
          child.stdin.write(`mark ${number}\n`)
        }),
      stop: () => {
        child.stdin.write('stop\n')
        return ended
      },
    }
  })
}

/** Judges everything that every client has written so far. @throws when a rule is broken. */
export async function judgeSoFar(clients, judge, number) {
  const times = await Promise.all(clients.map((client) => client.mark(number)))
  judge.judge(times.reduce((a, b) => (a < b ? a : b)))
  if (judge.checker.violationCount > 0) throw new Error(`violations after cycle ${number}`)
}
