// The lines of a frame as Ink elements, and Ink's keys by our names. Nothing is decided here.

import { Box, Text, useInput, useWindowSize } from 'ink'
import { memo, useSyncExternalStore } from 'react'
import type { Clock } from '../base/clock.ts'
import { renderFrame } from './frame/frame.ts'
import type { Glyphs } from './glyphs.ts'
import { keyNames } from './key-names.ts'
import type { Line } from './line.ts'
import { styleOf } from './palette.ts'
import type { TopStore } from './store.ts'

export interface ScreenProps {
  readonly store: TopStore
  readonly clock: Clock
  readonly glyphs: Glyphs
  readonly hasColour: boolean
}

export function Screen({ store, clock, glyphs, hasColour }: ScreenProps) {
  const state = useSyncExternalStore(
    (listener) => store.subscribe(listener),
    () => store.state,
  )
  const { columns, rows } = useWindowSize()
  useInput((input, key) => {
    for (const name of keyNames(input, key)) store.dispatch({ kind: 'key', key: name })
  })
  const lines = renderFrame(state, { columns, rows }, glyphs, clock.now())
  return (
    <Box flexDirection="column" height={rows} overflow="hidden">
      {lines.map((line, index) => (
        // Lines have no identity but their place.
        <Row key={index} line={line} text={signature(line)} hasColour={hasColour} />
      ))}
    </Box>
  )
}

// A line that reads and looks as before is not laid out again.
const Row = memo(
  ({ line, hasColour }: { readonly line: Line; readonly text: string; readonly hasColour: boolean }) => (
    <Text wrap="truncate">
      {line.map(({ text, role }, index) => (
        <Text key={index} {...styleOf(role, hasColour)}>
          {text}
        </Text>
      ))}
    </Text>
  ),
  (before, after) => before.text === after.text && before.hasColour === after.hasColour,
)

function signature(line: Line): string {
  return line.map(({ text, role }) => `${role}\u0000${text}`).join('\u0001')
}
