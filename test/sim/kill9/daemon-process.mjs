// Starts, kills and starts again the daemon of the kill -9 and power-cut runs: the small one from the sources or the built executable.

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const root = fileURLToPath(new URL('../../..', import.meta.url))
// A start that hangs, not one on a busy machine.
const readyMsMax = 120_000
const outputCharactersMax = 20_000

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

export const executable = join(root, 'build/ehub')

export class DaemonProcess {
  /** @param options `{ kind: 'small' | 'executable', folder, port, hub, partitions }`, `data` unless it lies in the folder */
  constructor(options) {
    this.options = options
    this.data = options.data ?? join(options.folder, 'data')
    this.child = null
    this.key = null
    this.starts = 0
    this.slowestReadyMs = 0
    this.output = ''
  }

  get env() {
    const { folder } = this.options
    return {
      PATH: process.env.PATH,
      HOME: folder,
      EHUB_RUNTIME_DIR: join(folder, 'run'),
      XDG_STATE_HOME: join(folder, 'state'),
      XDG_CONFIG_HOME: join(folder, 'config'),
      NO_COLOR: '1',
      // A planted bug (test/sim/plant-preload.mjs) is the daemon's.
      ...(process.env.EHUB_PLANT === undefined
        ? {}
        : { EHUB_PLANT: process.env.EHUB_PLANT, NODE_OPTIONS: process.env.NODE_OPTIONS }),
    }
  }

  /** @param tracer Words of a command that runs the daemon under it. */
  spawn(tracer = []) {
    const { kind, port, hub, partitions } = this.options
    const { data } = this
    const command =
      kind === 'small'
        ? [process.execPath, join(root, 'test/sim/kill9/daemon.ts'), data, String(port), hub, String(partitions)]
        : [executable, 'daemon', 'run', '--data-dir', data, '--amqp-port', String(port), '--tls', 'off']
    if (kind !== 'small') command.push('--hub', `${hub}:${partitions}`, '--log-level', 'warn')
    const [program, ...args] = [...tracer, ...command]
    const env = tracer.length > 0 ? { ...this.env, UV_THREADPOOL_SIZE: '1' } : this.env
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env })
    this.starts++
    this.startedAt = performance.now()
    this.child = child
    this.ended = once(child, 'exit').then(([code, signal]) => ({ code, signal }))
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        this.output = (this.output + text).slice(-outputCharactersMax)
        const match = /"key":"([^"]+)"/.exec(text)
        if (match !== null) this.key = match[1]
      })
    }
    return child
  }

  /** Resolves once a connection is accepted. @throws when it ends first or takes too long. */
  async ready() {
    const { port } = this.options
    let gone = null
    void this.ended.then((how) => {
      gone = how
    })
    while (!(await accepts(port))) {
      if (gone !== null) throw new Error(`the daemon ended with ${JSON.stringify(gone)}: ${this.output}`)
      if (performance.now() - this.startedAt > readyMsMax) throw new Error(`the daemon is not ready: ${this.output}`)
      await new Promise((resolve) => setTimeout(resolve, 4))
    }
    this.slowestReadyMs = Math.max(this.slowestReadyMs, performance.now() - this.startedAt)
    if (this.key === null && this.options.kind === 'executable') await this.#askForKey()
    while (this.key === null) await new Promise((resolve) => setTimeout(resolve, 4))
  }

  async #askForKey() {
    const env = { ...this.env, EHUB_DATA_DIR: this.data }
    const { stdout } = await promisify(execFile)(executable, ['connection-string'], { env })
    this.key = /SharedAccessKey=([^;\s]+)/.exec(stdout)?.[1] ?? null
    if (this.key === null) throw new Error(`no key in: ${stdout}`)
  }

  signal(name) {
    this.child.kill(name)
  }

  /** Also what a tracer runs, which would go on without it. */
  async kill() {
    for (const pid of childrenOf(this.child.pid)) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // Gone already.
      }
    }
    this.child.kill('SIGKILL')
    return this.ended
  }
}

function childrenOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
  } catch {
    return []
  }
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
