// Many connections that do nothing: opened with a session each, held until the runner has looked at the server's memory.

import { AmqpConnection, type Endpoint } from './amqp-connection.ts'
import { frame, none, performativeCode } from './amqp-frames.ts'
import { uintValue } from '../../../src/wire/amqp/types.ts'
import { work } from './job.ts'

export interface IdleJob extends Endpoint {
  readonly connections: number
}

const openAtOnce = 50

work<IdleJob>(async (job, runner) => {
  const connections: AmqpConnection[] = []
  while (connections.length < job.connections) {
    const count = Math.min(openAtOnce, job.connections - connections.length)
    connections.push(
      ...(await Promise.all(
        Array.from({ length: count }, async () => {
          const connection = await AmqpConnection.open(job)
          const begun = connection.expect(performativeCode.begin, 0)
          connection.socket.write(
            frame(performativeCode.begin, 0, [
              none,
              uintValue(1),
              uintValue(1000),
              uintValue(1000),
              uintValue(255),
              none,
              none,
              none,
            ]),
          )
          await begun
          return connection
        }),
      )),
    )
  }
  runner.ready({})
  await runner.go()
  for (const connection of connections) connection.destroy()
  runner.result({})
})
