// The limits of this machine, measured in the same run as everything else: what no server on it can pass.

import type { Bench } from '../frame/context.ts'
import { Worker } from '../frame/workers.ts'
import type { DiskLimits } from '../machine/disk.ts'

interface Stream {
  readonly megabytesPerSecond: number
  readonly cpuShare: number
}

async function stream(seconds: number): Promise<Stream> {
  const sink = Worker.start('machine/stream-sink.ts', { seconds })
  try {
    const { port } = await sink.ready<{ port: number }>()
    const source = Worker.start('machine/stream-source.ts', { port })
    try {
      await source.ready()
      source.go()
      return await sink.result<Stream>()
    } finally {
      await source.stop()
    }
  } finally {
    await sink.stop()
  }
}

async function disk(folder: string, writeBytes: number, syncs: number): Promise<DiskLimits> {
  const worker = Worker.start('machine/disk.ts', { folder, writeBytes, syncs })
  try {
    await worker.ready()
    worker.go()
    return await worker.result<DiskLimits>()
  } finally {
    await worker.stop()
  }
}

export const machine: Bench = {
  name: 'machine',
  title: 'Limits of the machine',
  async run(context) {
    const folder = context.folder('disk')
    const writeBytes = context.either(1024, 256) * 1024 * 1024
    const syncs = context.either(1000, 200)
    const { streams, disks } = await context.turns<'streams' | 'disks', Stream | DiskLimits>({
      streams: () => stream(context.either(2, 1)),
      disks: () => disk(folder, writeBytes, syncs),
    })
    const streamed = streams as Stream[]
    const written = disks as DiskLimits[]
    return {
      figures: [
        {
          name: 'Node-to-Node stream',
          unit: 'MB/s',
          samples: streamed.map((sample) => sample.megabytesPerSecond),
          detail: `reader CPU ${Math.round((streamed.at(-1)?.cpuShare ?? 0) * 100)} %`,
        },
        { name: 'write, page cache', unit: 'MB/s', samples: written.map((sample) => sample.writeMegabytesPerSecond) },
        {
          name: 'write and fdatasync',
          unit: 'MB/s',
          samples: written.map((sample) => sample.durableMegabytesPerSecond),
        },
        { name: 'fdatasync of 4 KB, p50', unit: 'ms', samples: written.map((sample) => sample.fdatasyncP50Ms) },
        { name: 'fdatasync of 4 KB, p99', unit: 'ms', samples: written.map((sample) => sample.fdatasyncP99Ms) },
      ],
      bars: [],
      notes: [
        `${writeBytes / 1048576} MiB in 1 MiB writes and ${syncs} syncs a round, growing file, no other load of ours`,
      ],
    }
  },
}
