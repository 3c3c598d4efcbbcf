// The panes: each draws itself as exactly the lines it is given room for.

import type { Glyphs } from '../glyphs.ts'
import { drawGraph } from '../graph.ts'
import { cut, fit, type Line, printable, span } from '../line.ts'
import { age, clockTime, clockTimeMs, count } from '../numbers.ts'
import { overviewRows, scrollTop, selectedGroup, selectedPartition, visibleEvents } from '../rows.ts'
import type { EventRow, TopState } from '../state.ts'
import { overviewTable, partitionTable } from './columns.ts'
import { filled } from './box.ts'
import { headerLine, layout, rowLine, type Table } from './table.ts'

export interface Room {
  readonly columns: number
  readonly rows: number
}

function tableLines<Row>(table: Table<Row>, rows: readonly Row[], selected: number, room: Room): readonly Line[] {
  const columns = layout(table, room.columns)
  const top = scrollTop(selected, rows.length, room.rows - 1)
  // Only what is seen is drawn: two thousand partitions cost as much as twenty.
  const seen = rows.slice(top, top + room.rows - 1)
  const lines = seen.map((row, index) => rowLine(columns, row, top + index === selected, table.ellipsis))
  return filled([headerLine(columns, table.ellipsis), ...lines], room.rows)
}

export function overviewPane(state: TopState, room: Room, glyphs: Glyphs): readonly Line[] {
  const rows = overviewRows(state)
  if (rows.length === 0 && state.snapshot !== null) {
    const why = state.filter === '' ? 'no hubs yet: ehub create-hub NAME' : `nothing matches ${state.filter}`
    return filled([[span(printable(why), 'dim')]], room.rows)
  }
  return tableLines(overviewTable(state, glyphs), rows, state.view === 'groups' ? state.selectedRow : -1, room)
}

export function partitionPane(state: TopState, room: Room, glyphs: Glyphs): readonly Line[] {
  const rows = selectedGroup(state)?.partitions ?? []
  const selected = rows.findIndex((row) => row.partition === state.selectedPartition)
  return tableLines(partitionTable(state, glyphs), rows, selected, room)
}

/** The selected partition's lag over time, and what can be said in words. */
export function graphPane(state: TopState, room: Room, glyphs: Glyphs): readonly Line[] {
  const row = selectedPartition(state)
  if (row === null) return filled([], room.rows)
  const toMs = state.snapshot?.atMs ?? 0
  const peak = Math.max(0, ...state.history.map((sample) => sample.value))
  const title = `lag of partition ${row.partition}, last ${age(state.graphSpanMs)}`
  const peakText = `peak ${count(peak)}`
  const words = partitionWords(state, toMs)
  const plotRows = Math.max(2, room.rows - 2 - words.length)
  const graph = drawGraph(
    state.history,
    toMs - state.graphSpanMs,
    toMs,
    { columns: room.columns, rows: plotRows },
    glyphs,
  )
  return filled(
    [
      [span(fit(title, room.columns - peakText.length), 'strong'), span(peakText, 'dim')],
      ...graph.map((text): Line => [span(text, 'trend')]),
      ...words,
    ],
    room.rows,
  )
}

function partitionWords(state: TopState, nowMs: number): readonly Line[] {
  const row = selectedPartition(state)
  if (row === null) return []
  const written =
    row.checkpointAtMs === null
      ? 'no checkpoint'
      : `last checkpoint ${clockTime(row.checkpointAtMs)} (${age(Math.max(0, nowMs - row.checkpointAtMs))} ago)`
  const size = row.lagBytes === null ? '' : `   ${row.lagBytes.toLocaleString('en-US')} bytes behind`
  const next = state.nextEvent === null ? '' : `next event ${state.nextEvent}`
  return [
    [span(`${written}${size}   readers ${row.readers} of 5`), span(`   ${row.reason}`, 'dim')],
    [span(printable(next), 'dim')],
  ]
}

export function eventsPane(state: TopState, room: Room, glyphs: Glyphs): readonly Line[] {
  const group = selectedGroup(state)
  const events = visibleEvents(state)
  const title: Line = [
    span(`events of ${printable(group?.hub ?? '')} partition ${state.selectedPartition}`, 'strong'),
    span(`   ${state.isFollowing ? 'following' : 'held'}   body ${state.bodyMode}`, 'dim'),
  ]
  if (events.length === 0) return filled([title, [span('nothing here', 'dim')]], room.rows)
  const selected = Math.min(state.selectedRow, events.length - 1)
  const event = events[selected]
  if (state.isEventOpen && event !== undefined) return filled([title, ...wholeEvent(event, room, state)], room.rows)
  const top = scrollTop(selected, events.length, room.rows - 1)
  const lines = events
    .slice(top)
    .flatMap((row, index) => eventLines(row, room.columns, top + index === selected, state, glyphs))
  return filled([title, ...lines], room.rows)
}

function eventLines(
  event: EventRow,
  columns: number,
  isSelected: boolean,
  state: TopState,
  glyphs: Glyphs,
): readonly Line[] {
  const head = `${fit(count(event.sequence), 8, 'right')} ${clockTimeMs(event.enqueuedMs)} ${fit(printable(event.key ?? '-'), 10)} `
  const role = isSelected ? 'cursor' : 'plain'
  const body = bodyText(event, state)
  if (!state.isWrapped)
    return [[span(head, isSelected ? 'cursor' : 'dim'), span(cut(body, columns - head.length, glyphs.ellipsis), role)]]
  const pieces = chunks(body, Math.max(10, columns - head.length))
  return pieces.map(
    (piece, index): Line => [span(index === 0 ? head : ' '.repeat(head.length), 'dim'), span(piece, role)],
  )
}

function wholeEvent(event: EventRow, room: Room, state: TopState): readonly Line[] {
  const fact = (name: string, value: string): Line => [span(fit(name, 14), 'dim'), span(printable(value))]
  return [
    fact('sequence', event.sequence.toLocaleString('en-US')),
    fact('enqueued', new Date(event.enqueuedMs).toISOString()),
    fact('key', event.key ?? '-'),
    ...event.properties.map((property) => fact('property', property)),
    fact('body', `${event.body.length.toLocaleString('en-US')} bytes`),
    ...chunks(bodyText(event, state), room.columns).map((piece): Line => [span(piece)]),
  ]
}

function bodyText(event: EventRow, state: TopState): string {
  // More than fits the largest screen is never decoded.
  const shown = event.body.subarray(0, 16_384)
  switch (state.bodyMode) {
    case 'text':
      return printable(Buffer.from(shown).toString('utf8'))
    case 'hex':
      return Buffer.from(shown.subarray(0, 4096))
        .toString('hex')
        .replace(/(..)(?=.)/g, '$1 ')
    case 'none':
      return `${event.body.length} bytes`
  }
}

function chunks(text: string, columns: number): readonly string[] {
  const pieces: string[] = []
  for (let at = 0; at < text.length; at += columns) pieces.push(text.slice(at, at + columns))
  return pieces.length === 0 ? [''] : pieces
}

export function readersPane(state: TopState, room: Room, glyphs: Glyphs): readonly Line[] {
  const nowMs = state.snapshot?.atMs ?? 0
  const right = (text: string, width: number) => fit(text, width, 'right', glyphs.ellipsis)
  const left = (text: string, width: number) => fit(text, width, 'left', glyphs.ellipsis)
  const nameColumns = Math.max(8, room.columns - 58)
  const title: Line = [span(`readers of ${printable(selectedGroup(state)?.hub ?? '')}`, 'strong')]
  const head = `${left('GROUP', 14)} ${right('P', 4)} ${left('NAME', nameColumns)} ${right('EPOCH', 6)} ${right('CREDIT', 7)} ${right('DELIVERED', 10)} ${right('SINCE', 8)}`
  if (state.readers.length === 0) return filled([title, [span('nobody is reading', 'dim')]], room.rows)
  const top = scrollTop(state.selectedRow, state.readers.length, room.rows - 2)
  const lines = state.readers.slice(top, top + room.rows - 2).map((reader, index): Line => {
    const text = [
      left(printable(reader.group), 14),
      right(String(reader.partition), 4),
      left(printable(reader.name ?? reader.origin), nameColumns),
      right(reader.ownerLevel === null ? '-' : String(reader.ownerLevel), 6),
      right(count(reader.credit), 7),
      right(count(reader.delivered), 10),
      right(age(Math.max(0, nowMs - reader.openedAtMs)), 8),
    ].join(' ')
    return [span(text, top + index === state.selectedRow ? 'cursor' : 'plain')]
  })
  return filled([title, [span(head, 'dim')], ...lines], room.rows)
}

export function alertsPane(state: TopState, room: Room): readonly Line[] {
  const lines = state.alerts
    .slice(-(room.rows - 1))
    .toReversed()
    .map(
      (alert): Line => [
        span(`${clockTime(alert.atMs)} `, 'dim'),
        span(printable(alert.text), alert.level === 'ERR' ? 'bad' : alert.level === 'WARN' ? 'warn' : 'plain'),
      ],
    )
  return filled([[span('changes', 'strong')], ...(lines.length === 0 ? [[span('none yet', 'dim')]] : lines)], room.rows)
}
