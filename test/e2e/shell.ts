// Whole pipelines, as a person types them: `$EHUB` is the built executable.

import { type ChildProcess, spawn } from 'node:child_process'
import type { TestContext } from 'node:test'
import { executable, type Finished, finished, type Person } from './ehub.ts'

const runMsMax = 60_000

/** Starts a bash script in the person's home; its whole group is ended with the test. */
export function startShell(t: TestContext, person: Person, script: string): ChildProcess {
  const child = spawn('bash', ['-c', `set -o pipefail; ${script}`], {
    env: { ...person.env, EHUB: executable },
    cwd: person.home,
    detached: true,
  })
  const end = () => {
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined)
      process.kill(-child.pid, 'SIGKILL')
  }
  t.after(end)
  child.stdin?.on('error', () => undefined)
  const deadline = setTimeout(end, runMsMax)
  child.on('exit', () => clearTimeout(deadline))
  return child
}

/** Runs a bash script to its end; the exit code is the pipeline's. */
export function shell(t: TestContext, person: Person, script: string): Promise<Finished> {
  const child = startShell(t, person, script)
  child.stdin?.end()
  return finished(child)
}

export interface ReceivedEvent {
  readonly partition: string
  readonly seq: number
  readonly key: string | null
  readonly body?: unknown
}

export function parseLines(text: string): ReceivedEvent[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as ReceivedEvent)
}

/** Events of each partition, in the order they came. */
export function byPartition(events: readonly ReceivedEvent[]): Map<string, ReceivedEvent[]> {
  const partitions = new Map<string, ReceivedEvent[]>()
  for (const event of events) {
    const list = partitions.get(event.partition)
    if (list === undefined) partitions.set(event.partition, [event])
    else list.push(event)
  }
  return partitions
}
