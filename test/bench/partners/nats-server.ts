// nats-server with JetStream on file, from the system, on a port and folder of its own. Absent: the benches say so.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'

export interface NatsServer {
  readonly port: number
  readonly pid: number
  readonly version: string
  stop(): Promise<void>
}

/** `v2.9.10`, or null when there is no nats-server on this machine. */
export function natsVersion(): string | null {
  try {
    const text = execFileSync('nats-server', ['--version'], { encoding: 'utf8', timeout: 5_000 })
    return /v\d+\.\d+\.\d+/.exec(text)?.[0] ?? text.trim()
  } catch {
    return null
  }
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'data', { signal: AbortSignal.timeout(1_000) })
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

/** @param folder Where its store goes; removed by the caller. */
export async function startNats(folder: string): Promise<NatsServer | null> {
  const version = natsVersion()
  if (version === null) return null
  const port = await freePort()
  const child: ChildProcess = spawn('nats-server', ['-js', '-sd', folder, '-a', '127.0.0.1', '-p', String(port)], {
    stdio: 'ignore',
  })
  const onExit = () => child.kill('SIGKILL')
  process.once('exit', onExit)
  const deadline = performance.now() + 10_000
  while (!(await answers(port))) {
    if (child.exitCode !== null || performance.now() > deadline) {
      child.kill('SIGKILL')
      throw new Error(`nats-server did not answer on port ${port}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return {
    port,
    pid: child.pid ?? 0,
    version,
    stop: async () => {
      process.off('exit', onExit)
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'exit')
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), 5_000)
      await gone
      clearTimeout(timer)
    },
  }
}
