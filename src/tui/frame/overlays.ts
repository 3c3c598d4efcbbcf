// What lies over a view: help and the two dialogs. They replace the body's lines; the frame stays.

import type { Glyphs } from '../glyphs.ts'
import { fit, type Line, printable, span } from '../line.ts'
import { selectedPartition } from '../rows.ts'
import type { Overlay, TopState } from '../state.ts'
import { filled } from './box.ts'
import type { Room } from './panes.ts'

const help: readonly (readonly [string, string])[] = [
  ['up down j k', 'move; PgUp PgDn g G Home End further'],
  ['enter, esc', 'open, go back (esc never quits)'],
  ['1 2 3 4 5, tab', 'groups, partitions, events, readers, graph'],
  ['/', 'filter by text or pattern; /! what does not match; esc clears'],
  ['s, S', 'next sort column, reverse'],
  [':', 'go to HUB or HUB/GROUP'],
  ['e', 'events: space follow, enter whole event, b body, w wrap'],
  ['r', 'readers with epoch and credit; k kicks one'],
  ['g', 'big graph; [ and ] change the span'],
  ['c', 'set the checkpoint of the partition, with a preview'],
  ['a', 'trends on one scale instead of one for each row'],
  ['y', 'copy the ehub command that shows this in a script'],
  ['d', 'save this screen as text'],
  ['p, +, -', 'pause, sample less or more often'],
  ['q, ctrl-c', 'quit; ctrl-z suspends'],
]

/** Lines to draw instead of the body; null when the overlay is a typed line in the footer. */
export function overlayLines(state: TopState, overlay: Overlay, room: Room, glyphs: Glyphs): readonly Line[] | null {
  switch (overlay.kind) {
    case 'filter':
    case 'goto':
      return null
    case 'help':
      return filled(
        help.map(([keys, what]): Line => [span(fit(keys, 16), 'key'), span(what)]),
        room.rows,
      )
    case 'kick': {
      const { reader } = overlay
      return filled(
        [
          [span('Kick this receiver?', 'strong')],
          [],
          [
            span(
              `${printable(reader.name ?? reader.origin)} reads partition ${reader.partition} of ${printable(reader.group)}.`,
            ),
          ],
          [span('Its link is closed; a client that retries comes back.', 'dim')],
          [],
          [span('y', 'key'), span(' kick    '), span('esc', 'key'), span(' leave it')],
        ],
        room.rows,
      )
    }
    case 'checkpoint':
      return filled(checkpointLines(state, overlay, glyphs), room.rows)
  }
}

function checkpointLines(
  state: TopState,
  overlay: Extract<Overlay, { kind: 'checkpoint' }>,
  glyphs: Glyphs,
): readonly Line[] {
  const row = selectedPartition(state)
  if (row === null) return [[span('no partition is selected', 'dim')]]
  const now = row.checkpoint === null ? 'none' : String(row.checkpoint)
  return [
    [
      span(
        `Set the checkpoint of ${printable(row.hub)} ${glyphs.into} ${printable(row.group)}, partition ${row.partition}`,
        'strong',
      ),
    ],
    [],
    [span(`now ${now}; stored ${row.first} to ${row.last}; lag ${row.lag.toLocaleString('en-US')}`)],
    [],
    [span('to  ', 'dim'), span(`${printable(overlay.text)}_`, 'strong')],
    [span('beginning, end, 123, seq:123, -10, +10, @-15m, @2026-11-20T09:00:00Z', 'dim')],
    [],
    overlay.preview === null
      ? [span(overlay.text === '' ? 'type a position' : `working it out${glyphs.ellipsis}`, 'dim')]
      : [span(printable(overlay.preview), overlay.isRefused ? 'bad' : 'strong')],
    [],
    [span('enter', 'key'), span(' set it    '), span('esc', 'key'), span(' leave it')],
  ]
}
