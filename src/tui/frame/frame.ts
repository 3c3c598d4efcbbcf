// The whole screen for a state and a size. Wide and high terminals show list, detail, events and changes together; small
// ones one pane at a time; tiny ones a single line.

import type { Glyphs } from '../glyphs.ts'
import { fitLine, type Line, span } from '../line.ts'
import { countLevels } from '../../wire/lag/snapshot.ts'
import { count } from '../numbers.ts'
import { groupsIn } from '../rows.ts'
import type { TopState } from '../state.ts'
import { beside, boxed, filled, plainRule, type Rule } from './box.ts'
import { footerLines, groupTitle, headerLines } from './header.ts'
import { overlayLines } from './overlays.ts'
import { alertsPane, eventsPane, graphPane, overviewPane, partitionPane, readersPane, type Room } from './panes.ts'

export interface Size {
  readonly columns: number
  readonly rows: number
}

const tiny: Size = { columns: 40, rows: 8 }
const large: Size = { columns: 120, rows: 30 }
/** Below this height header and footer shrink to one line each. */
const lowRows = 16

/** Exactly `size.rows` lines of exactly `size.columns` columns. */
export function renderFrame(state: TopState, size: Size, glyphs: Glyphs, nowMs: number): readonly Line[] {
  if (size.columns < tiny.columns || size.rows < tiny.rows) return tinyFrame(state, size)
  const isLow = size.rows < lowRows
  const isLarge = size.columns >= large.columns && size.rows >= large.rows
  const header = headerLines(state, size.columns - 4, glyphs, nowMs).slice(isLow ? 1 : 0)
  const footer = footerLines(state, size.columns - 4, glyphs).slice(0, isLow ? 1 : 2)
  const bodyRows = size.rows - 4 - header.length - footer.length
  const room = { columns: size.columns - 4, rows: bodyRows }
  const over = state.overlay === null ? null : overlayLines(state, state.overlay, room, glyphs)
  const body = over ?? (isLarge ? largeBody(state, room, glyphs) : smallBody(state, room, glyphs))
  const joints = isLarge && over === null ? [leftColumnsOf(room) + 2] : []
  const above: Rule = { rule: true, above: [], below: joints }
  const below: Rule = { rule: true, above: joints, below: [] }
  return boxed([...header, above, ...body, below, ...footer], size.columns, glyphs)
}

function smallBody(state: TopState, room: Room, glyphs: Glyphs): readonly (Line | Rule)[] {
  switch (state.view) {
    case 'groups':
      return overviewPane(state, room, glyphs)
    case 'partitions': {
      const inner = { columns: room.columns, rows: room.rows - 2 }
      const wanted = 1 + (groupsIn(state.snapshot).length === 0 ? 0 : partitionRows(state))
      const tableRows = inner.rows < 12 ? inner.rows : Math.min(wanted, Math.floor(inner.rows / 2))
      const graphRows = inner.rows - tableRows
      const title = [groupTitle(state, glyphs), plainRule]
      if (graphRows < 6) return [...title, ...partitionPane(state, inner, glyphs)]
      return [
        ...title,
        ...partitionPane(state, { ...inner, rows: tableRows }, glyphs),
        plainRule,
        ...graphPane(state, { ...inner, rows: graphRows - 1 }, glyphs),
      ]
    }
    case 'graph':
      return [groupTitle(state, glyphs), ...graphPane(state, { ...room, rows: room.rows - 1 }, glyphs)]
    case 'events':
      return eventsPane(state, room, glyphs)
    case 'readers':
      return readersPane(state, room, glyphs)
  }
}

function partitionRows(state: TopState): number {
  const group = groupsIn(state.snapshot).find((row) => `${row.hub}\n${row.group}` === state.selectedGroup)
  return group?.partitions.length ?? 0
}

/** Where the list ends and the detail begins. */
function leftColumnsOf({ columns }: Room): number {
  return Math.floor((columns - 3) * 0.52)
}

/** List and detail above, graph or events and changes below. */
function largeBody(state: TopState, room: Room, glyphs: Glyphs): readonly (Line | Rule)[] {
  const leftColumns = leftColumnsOf(room)
  const rightColumns = room.columns - 3 - leftColumns
  const upperRows = Math.floor((room.rows - 1) * 0.55)
  const lowerRows = room.rows - 1 - upperRows
  const detail = [
    groupTitle(state, glyphs),
    ...partitionPane(state, { columns: rightColumns, rows: upperRows - 1 }, glyphs),
  ]
  const left = { columns: leftColumns, rows: lowerRows }
  const lower =
    state.view === 'events'
      ? eventsPane(state, left, glyphs)
      : state.view === 'readers'
        ? readersPane(state, left, glyphs)
        : graphPane(state, left, glyphs)
  const joint = leftColumns + 2
  return [
    ...beside(
      overviewPane(state, { columns: leftColumns, rows: upperRows }, glyphs),
      detail,
      leftColumns,
      rightColumns,
      upperRows,
      glyphs,
    ),
    { rule: true, above: [joint], below: [joint] },
    ...beside(
      lower,
      alertsPane(state, { columns: rightColumns, rows: lowerRows }),
      leftColumns,
      rightColumns,
      lowerRows,
      glyphs,
    ),
  ]
}

function tinyFrame(state: TopState, size: Size): readonly Line[] {
  const groups = groupsIn(state.snapshot)
  const counts = countLevels(groups)
  const lag = groups.reduce((sum, group) => sum + group.lag, 0)
  const text = `${counts.ERR} ERR ${counts.WARN} WARN lag ${count(lag)}`
  return filled([[span(text, counts.ERR > 0 ? 'bad' : counts.WARN > 0 ? 'warn' : 'good')]], size.rows).map((line) =>
    fitLine(line, size.columns),
  )
}
