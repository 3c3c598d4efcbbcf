// A client process of the kill -9 and power-cut runs: sends to every partition of a hub and reads them, over AMQP with rhea, through as
// many deaths of the daemon as come. Writes what it did and saw to standard output, one JSON array a line, each with the
// machine's monotonic time in nanoseconds; `judge.ts` says what the fields are. Told over standard input:
//   mark N   answered in order with what was written before
//   stop     sends no more; ends when everything is answered or unknown

import { createInterface } from 'node:readline'
import rhea from 'rhea'
import { eventBody, readEventBody } from '../event-body.ts'
import { afterSequence } from './filter.mjs'

const { port, hub, key, producers, reader, partitions, mode, bodyBytesMax } = JSON.parse(process.argv[2])
const batchFormat = 0x80013700
const windowMax = 4
const pauseMs = 4
const retryMs = 15
/** A silent daemon (stopped, not dead) is given up after this; what was in flight is unknown. */
const silentMs = 3000

const lines = []
const say = (kind, ...fields) => {
  lines.push(`${JSON.stringify([kind, String(process.hrtime.bigint()), ...fields])}\n`)
  if (lines.length === 1) setImmediate(flush)
}
function flush() {
  process.stdout.write(lines.join(''))
  lines.length = 0
}

let isStopping = false
let readerNext = reader
const positions = new Map()
const senders = producers.map((producer, index) => ({
  producer,
  partition: index % partitions,
  next: 0,
  pending: new Map(),
  link: null,
}))

function connect() {
  const container = rhea.create_container()
  const connection = container.connect({
    host: '127.0.0.1',
    port,
    hostname: 'localhost',
    username: 'RootManageSharedAccessKey',
    password: key,
    reconnect: false,
    idle_time_out: 20_000,
  })
  let isOver = false
  const silence = setInterval(() => {
    const oldest = Math.min(...senders.flatMap((sender) => [...sender.pending.values()].map((entry) => entry.at)))
    if (Date.now() - oldest > silentMs) over()
  }, 200)
  const over = () => {
    if (isOver) return
    isOver = true
    clearInterval(silence)
    connection.removeAllListeners()
    connection.on('error', () => undefined)
    connection.on('disconnected', () => undefined)
    connection.socket?.destroy()
    for (const sender of senders) {
      for (const [first] of sender.pending) say('c', sender.producer, first, 'unknown')
      sender.pending.clear()
      sender.link = null
    }
    for (const position of positions.values()) {
      if (position.reader !== null) say('x', position.reader)
      position.reader = null
    }
    if (isStopping) return finish()
    setTimeout(connect, retryMs)
  }
  connection.on('disconnected', over)
  connection.on('connection_error', over)
  connection.on('session_error', over)
  connection.on('error', over)
  connection.on('connection_close', over)
  connection.on('connection_open', () => {
    if (mode === 'send') for (const sender of senders) openSender(connection, sender, over)
    else for (let partition = 0; partition < partitions; partition++) openReader(connection, partition)
  })
}

// ---------------------------------------------------------------- sending

function openSender(connection, sender, over) {
  const link = connection.open_sender({
    target: { address: `${hub}/Partitions/${sender.partition}` },
    autosettle: true,
  })
  sender.link = link
  const answered = (delivery, outcome) => {
    for (const [first, entry] of sender.pending) {
      if (entry.delivery !== delivery) continue
      sender.pending.delete(first)
      say('c', sender.producer, first, outcome)
    }
    setTimeout(() => send(sender), pauseMs)
  }
  link.on('sendable', () => send(sender))
  link.on('accepted', (context) => answered(context.delivery, 'ok'))
  for (const refusal of ['rejected', 'released', 'modified'])
    link.on(refusal, (context) => answered(context.delivery, 'unknown'))
  link.on('sender_error', over)
  link.on('sender_close', over)
}

function send(sender) {
  while (!isStopping && sender.link?.sendable() && sender.pending.size < windowMax) {
    const first = sender.next
    const count = [1, 1, 1, 3, 8][(first * 7 + sender.producer) % 5]
    sender.next += count
    const bodies = Array.from({ length: count }, (_, i) =>
      rhea.message.data_section(
        eventBody({ producer: sender.producer, number: first + i }, (first * 37) % bodyBytesMax),
      ),
    )
    say('s', sender.producer, first, count, sender.partition)
    const delivery =
      count === 1
        ? sender.link.send({ body: bodies[0] })
        : sender.link.send(rhea.message.encode(batch(bodies)), undefined, batchFormat)
    sender.pending.set(first, { delivery, at: Date.now() })
  }
}

const batch = (bodies) => ({ body: rhea.message.data_sections(bodies.map((body) => rhea.message.encode({ body }))) })

// ---------------------------------------------------------------- reading

function openReader(connection, partition) {
  const next = positions.get(partition)?.next ?? 0
  const id = readerNext++
  const link = connection.open_receiver({
    source: {
      address: `${hub}/ConsumerGroups/$Default/Partitions/${partition}`,
      filter: afterSequence(next - 1),
    },
    credit_window: 200,
  })
  const position = { next, reader: id }
  positions.set(partition, position)
  link.on('receiver_open', () => say('o', id, partition, next))
  link.on('message', ({ message }) => {
    const sequence = Number(message.message_annotations['x-opt-sequence-number'])
    const time = Number(message.message_annotations['x-opt-enqueued-time'])
    const event = readEventBody(message.body.content)
    position.next = sequence + 1
    say('r', id, sequence, event?.producer ?? -1, event?.number ?? -1, time, event?.isIntact === true)
  })
}

// ---------------------------------------------------------------- commands

function finish() {
  flush()
  process.exit(0)
}

createInterface({ input: process.stdin }).on('line', (line) => {
  if (line === 'stop') {
    isStopping = true
    const isQuiet = () => senders.every((sender) => sender.pending.size === 0)
    const wait = () => (isQuiet() ? finish() : setTimeout(wait, 20))
    wait()
  } else {
    say('m', Number(line.split(' ')[1]))
    flush()
  }
})
process.stdin.on('end', () => process.exit(0))
connect()
