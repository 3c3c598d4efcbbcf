// The screen on a terminal: mounts Ink on the alternate screen, and gives the terminal back whatever ends it. The caller has
// made sure that there is a terminal; this file is loaded only then, because Ink is the slowest thing we load.

import { render } from 'ink'
import { type Clock, delay } from '../base/clock.ts'
import { renderFrame } from './frame/frame.ts'
import type { Glyphs } from './glyphs.ts'
import { textOf } from './line.ts'
import { Screen } from './screen.tsx'
import type { TopSource } from './source.ts'
import type { TopState } from './state.ts'
import { TopStore } from './store.ts'

export interface TopOptions {
  readonly state: TopState
  readonly source: TopSource
  readonly clock: Clock
  readonly glyphs: Glyphs
  readonly hasColour: boolean
  readonly stdin: NodeJS.ReadStream
  readonly stdout: NodeJS.WriteStream
  /** Writes a saved screen somewhere. @returns Where. */
  readonly saveScreen: (text: string) => Promise<string>
  readonly recorded?: (state: TopState) => void
}

/** Frames a second at most; a lag table read by a person needs no more. */
const framesMax = 10

/** How long the first frame waits for its numbers: one without them is laid out for nothing, and holds the next one up. */
const firstSampleMs = 150

/** Runs until the user quits. @returns The last state, for a closing line. */
export async function runTop(options: TopOptions): Promise<TopState> {
  const { clock, glyphs, hasColour, stdin, stdout } = options
  let finish = (): void => undefined
  const finished = new Promise<void>((resolve) => {
    finish = resolve
  })
  const store = new TopStore({
    state: options.state,
    source: options.source,
    clock,
    outside: {
      quit: () => finish(),
      suspend: () => suspend(),
      copy: (text) => void stdout.write(clipboardSequence(text)),
      save: async () => {
        const size = { columns: stdout.columns, rows: stdout.rows }
        const lines = renderFrame(store.state, size, glyphs, clock.now()).map(textOf)
        return `saved to ${await options.saveScreen(`${lines.join('\n')}\n`)}`
      },
      ...(options.recorded === undefined ? {} : { recorded: options.recorded }),
    },
  })
  const mount = () =>
    render(<Screen store={store} clock={clock} glyphs={glyphs} hasColour={hasColour} />, {
      stdin,
      stdout,
      alternateScreen: true,
      exitOnCtrlC: false,
      patchConsole: false,
      maxFps: framesMax,
      interactive: true,
    })

  const sampled = store.start()
  // What goes wrong with it is told below, where the terminal is given back.
  await Promise.race([sampled.catch(() => undefined), delay(clock, firstSampleMs)])
  let screen = mount()
  // The shell gets its terminal back as it was, and we ours when it says so.
  const suspend = () => {
    screen.unmount()
    process.once('SIGCONT', () => {
      screen = mount()
    })
    process.kill(process.pid, 'SIGTSTP')
  }
  const onTerminate = () => {
    process.exitCode = 143
    finish()
  }
  process.once('SIGTERM', onTerminate)
  process.once('SIGHUP', finish)
  try {
    await sampled
    await finished
  } finally {
    process.off('SIGTERM', onTerminate)
    process.off('SIGHUP', finish)
    store.stop()
    screen.unmount()
    await screen.waitUntilExit()
    await options.source.close()
  }
  return store.state
}

/** OSC 52: asks the terminal itself to fill the clipboard, which also works through ssh and tmux. */
function clipboardSequence(text: string): string {
  return `\u001b]52;c;${Buffer.from(text, 'utf8').toString('base64')}\u0007`
}
