// The far end of the Node-to-Node stream: reads into one reused buffer, counts, discards.

import { type AddressInfo, createServer, Socket } from 'node:net'
import { Window, work } from '../load/job.ts'

interface Job {
  readonly seconds: number
}

work<Job>(async (job, runner) => {
  let bytes = 0
  const server = createServer({ pauseOnConnect: true }, (accepted) => {
    const handle = (accepted as unknown as { _handle: object })._handle
    const window = new Window()
    const socket = new Socket({
      handle,
      onread: {
        buffer: Buffer.allocUnsafe(256 * 1024),
        callback: (count: number) => {
          bytes += count
          return true
        },
      },
    } as unknown as ConstructorParameters<typeof Socket>[0])
    socket.on('error', () => undefined)
    socket.resume()
    // The first half second fills buffers and warms the code.
    setTimeout(() => {
      bytes = 0
      window.begin()
      setTimeout(() => {
        const { seconds, cpuShare } = window.end()
        runner.result({ megabytesPerSecond: bytes / 1e6 / seconds, cpuShare })
        socket.destroy()
        server.close()
      }, job.seconds * 1000)
    }, 500)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  runner.ready({ port: (server.address() as AddressInfo).port })
})
