// The near end of the Node-to-Node stream: writes one 256 KB buffer over and over, as fast as the socket takes it.

import { connect } from 'node:net'
import { work } from '../load/job.ts'

work<{ readonly port: number }>(async (job, runner) => {
  const socket = connect({ host: '127.0.0.1', port: job.port, noDelay: true })
  await new Promise<void>((resolve) => socket.once('connect', resolve))
  runner.ready({})
  await runner.go()
  const chunk = Buffer.alloc(256 * 1024, 0x61)
  let isOpen = true
  const pump = () => {
    for (let turn = 0; isOpen && turn < 64; turn++) {
      if (!socket.write(chunk)) return void socket.once('drain', pump)
    }
    if (isOpen) setImmediate(pump)
  }
  socket.on('error', () => undefined)
  socket.on('close', () => {
    isOpen = false
    runner.result({})
  })
  pump()
})
