// The live screen without a terminal: the real store, frames and Ink against 2,000 partitions that change with every sample.
// Says what a refresh costs, and whether memory grows over an hour of them.

import { PassThrough } from 'node:stream'
import type { TopSource } from '../../../src/tui/source.ts'
import type { LagSnapshot, PartitionLag } from '../../../src/wire/lag/snapshot.ts'
import { work } from './job.ts'

export interface TopJob {
  readonly partitions: number
  /** Drawn through Ink, at its own pace. */
  readonly refreshes: number
  /** Only state and frame, a second of the screen's time each. */
  readonly simulated: number
}

export interface TopResult {
  /** CPU of one refresh: taking in the sample, the frame, Ink's layout and output. */
  readonly refreshMs: number
  /** CPU of one refresh before Ink. */
  readonly frameMs: number
  /** Growth of the heap over the last three quarters of the simulated refreshes, for an hour of them. */
  readonly growthKilobytes: number
}

const groupsPerHub = 4
const partitionsPerHub = 100

function snapshotAt(tick: number, partitions: number): LagSnapshot {
  const rows: PartitionLag[] = []
  const hubCount = Math.max(1, Math.round(partitions / partitionsPerHub / groupsPerHub))
  for (let hub = 0; hub < hubCount; hub++) {
    for (let group = 0; group < groupsPerHub; group++) {
      for (let partition = 0; partition < partitionsPerHub; partition++) {
        const lag = (tick * (partition + 1) + hub) % 10_000
        rows.push({
          ...{ hub: `hub-${hub}`, group: `group-${group}`, partition, first: 0, last: 50_000 + tick * 100 },
          ...{ checkpoint: 50_000 + tick * 100 - lag, checkpointAtMs: tick * 1000, lag, lagBytes: lag * 400, lost: 0 },
          ...{
            ageMs: lag * 10,
            isAgeEstimated: false,
            inRate: 100 + (tick % 7),
            outRate: 98,
            owner: `worker-${partition % 8}`,
          },
          ...{
            ownerLevel: 0,
            readers: 1,
            status: lag > 9000 ? 'WARN' : 'OK',
            level: lag > 9000 ? 'WARN' : 'OK',
            reason: 'x',
          },
        })
      }
    }
  }
  const hubs = Array.from({ length: hubCount }, (_, hub) => ({
    ...{ hub: `hub-${hub}`, partitionCount: partitionsPerHub, storedBytes: 1e9, inEvents: 10_000 },
    ...{ inBytes: 4e6, outEvents: 9800, outBytes: 4e6 },
  }))
  return { atMs: tick * 1000, sampleMs: 1000, store: 'daemon', hubs, partitions: rows }
}

const cpuMs = (since: NodeJS.CpuUsage): number => {
  const { user, system } = process.cpuUsage(since)
  return (user + system) / 1000
}

work<TopJob>(async (job, runner) => {
  // As the executable is built: React's other half is for developing with it.
  process.env['NODE_ENV'] = 'production'
  const { yogaReady } = await import('../../../src/tui/load-yoga.ts')
  await yogaReady()
  const { createElement } = await import('react')
  const { render } = await import('ink')
  const { Screen } = await import('../../../src/tui/screen.tsx')
  const { TopStore } = await import('../../../src/tui/store.ts')
  const { initialState } = await import('../../../src/tui/state.ts')
  const { glyphsFor } = await import('../../../src/tui/glyphs.ts')
  const { renderFrame } = await import('../../../src/tui/frame/frame.ts')
  const { SystemClock } = await import('../../../src/base/clock.ts')

  let tick = 0
  const snapshots = Array.from({ length: 16 }, (_, index) => snapshotAt(index, job.partitions))
  const source = {
    sample: async () => ({ ...(snapshots[tick++ % snapshots.length] ?? snapshotAt(0, 1)), atMs: tick * 1000 }),
    ...{ history: async () => [], nextEvent: async () => null, events: async () => [], readers: async () => [] },
    close: async () => undefined,
  } as unknown as TopSource
  const outside = { quit: () => undefined, suspend: () => undefined, copy: () => undefined, save: async () => '' }
  const state = initialState({ target: { name: 'bench', isLocal: true }, isReadOnly: true, intervalMs: 60_000 })
  const clock = new SystemClock()
  const store = new TopStore({ state, source, clock, outside })
  const glyphs = glyphsFor({ LANG: 'C.UTF-8' }, false)
  const size = { columns: 200, rows: 60 }
  const refresh = async () => store.dispatch({ kind: 'sampled', snapshot: await source.sample() })

  runner.ready({})
  await runner.go()
  const frames = async (count: number) => {
    for (let index = 0; index < count; index++) {
      await refresh()
      renderFrame(store.state, size, glyphs, tick * 1000)
    }
  }
  await frames(50)
  const before = process.cpuUsage()
  await frames(200)
  const frameMs = cpuMs(before) / 200

  const heap = async (): Promise<number> => {
    for (let turn = 0; turn < 3; turn++) {
      globalThis.gc?.()
      await new Promise((resolve) => setImmediate(resolve))
    }
    return process.memoryUsage().heapUsed
  }
  await frames(Math.floor(job.simulated / 4))
  const heapBefore = await heap()
  await frames(Math.ceil((job.simulated * 3) / 4))
  const growth = (await heap()) - heapBefore
  const growthKilobytes = (growth / 1024) * (3600 / ((job.simulated * 3) / 4))

  const stdout = Object.assign(new PassThrough(), { ...size, isTTY: true })
  stdout.resume()
  const stdin = Object.assign(new PassThrough(), {
    ...{ isTTY: true, setRawMode: () => stdin, ref: () => stdin, unref: () => stdin },
  })
  const screen = render(createElement(Screen, { store, clock, glyphs, hasColour: true }), {
    ...{ stdin: stdin as never, stdout: stdout as never, alternateScreen: true, exitOnCtrlC: false },
    ...{ patchConsole: false, maxFps: 10, interactive: true },
  })
  const draw = async (count: number) => {
    for (let index = 0; index < count; index++) {
      await refresh()
      // Ink draws ten times a second at most.
      await new Promise((resolve) => setTimeout(resolve, 120))
    }
  }
  await draw(10)
  const drawn = process.cpuUsage()
  await draw(job.refreshes)
  const refreshMs = cpuMs(drawn) / job.refreshes
  screen.unmount()
  runner.result({ refreshMs, frameMs, growthKilobytes } satisfies TopResult)
})
