// Holds memory that has been written to and frees it step by step while a turn runs, so that files grow into memory this
// machine really has. A virtual machine may give freed pages back to its host within seconds and get them again one by
// one, at a tenth of the speed: then every server that writes is measured by that instead of by itself.

import { work } from '../load/job.ts'

interface Job {
  readonly bytes: number
  readonly bytesPerSecond: number
}

const stepMs = 40

work<Job>(async (job, runner) => {
  const stepBytes = Math.round((job.bytesPerSecond * stepMs) / 1000)
  const held: ArrayBuffer[] = []
  for (let bytes = 0; bytes < job.bytes; bytes += stepBytes) {
    const piece = new ArrayBuffer(stepBytes)
    new Uint8Array(piece).fill(1)
    held.push(piece)
  }
  runner.ready({})
  await runner.go()
  const timer = setInterval(() => {
    const piece = held.pop()
    // A transfer to nothing frees the pages at once; they are too many to wait for the collector.
    if (piece !== undefined) piece.transfer(0)
    else clearInterval(timer)
  }, stepMs)
})
