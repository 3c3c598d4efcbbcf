// The lines above and below every view: where we are connected, how much flows, what is wrong; and what the keys do.

import { countLevels } from '../../wire/lag/snapshot.ts'
import { asciiGlyphs, type Glyphs } from '../glyphs.ts'
import { fitLine, type Line, lineWidth, printable, type Span, span, widthOf } from '../line.ts'
import { age, bytes, clockTime, count, rate } from '../numbers.ts'
import { groupsIn, selectedGroup } from '../rows.ts'
import type { TopState, View } from '../state.ts'
import { statusSpan } from './columns.ts'

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

export function headerLines(state: TopState, columns: number, glyphs: Glyphs, nowMs: number): readonly Line[] {
  const time = span(clockTime(nowMs), 'dim')
  const room = columns - widthOf(time.text) - 2
  return [targetLine(state, columns, glyphs), [...fitLine(stateLine(state, glyphs, nowMs), room), span('  '), time]]
}

function targetLine(state: TopState, columns: number, glyphs: Glyphs): Line {
  const hubs = state.snapshot?.hubs ?? []
  const badge = state.target.isLocal ? 'LOCAL' : 'REMOTE'
  const flow = (name: string, events: number, size: number) =>
    `${name} ${rate(events)}/s${size > 0 ? ` ${bytes(size)}/s` : ''}`
  return [
    span('ehub top  ', 'strong'),
    span(glyphs.live, state.sourceError === null ? 'good' : 'bad'),
    span(` ${badge} ${printable(state.target.name)}${state.isReadOnly ? ' (read-only)' : ''}`),
    span(`  hubs ${hubs.length}${columns < 100 ? '' : `  groups ${groupsIn(state.snapshot).length}`}`),
    span(`  ${flow('in', sum(hubs.map((h) => h.inEvents)), columns < 64 ? 0 : sum(hubs.map((h) => h.inBytes)))}`),
    span(`  ${flow('out', sum(hubs.map((h) => h.outEvents)), columns < 90 ? 0 : sum(hubs.map((h) => h.outBytes)))}`),
    span(
      `  ${glyphs.refresh}${state.intervalMs / 1000}s${state.isPaused ? ' PAUSED' : ''}`,
      state.isPaused ? 'warn' : 'plain',
    ),
  ]
}

function stateLine(state: TopState, glyphs: Glyphs, nowMs: number): Line {
  const counts = countLevels(groupsIn(state.snapshot))
  if (state.sourceError !== null) return [span(`${glyphs.alert} ${printable(state.sourceError)}`, 'bad')]
  if (state.snapshot === null) return [span(`waiting for the first sample${glyphs.ellipsis}`, 'dim')]
  const tally: Span[] = [
    span(`${glyphs.alert} ${counts.ERR} ERR`, counts.ERR > 0 ? 'bad' : 'dim'),
    span(`  ${counts.WARN} WARN`, counts.WARN > 0 ? 'warn' : 'dim'),
  ]
  if (counts.UNKNOWN > 0) tally.push(span(`  ${counts.UNKNOWN} ?`, 'dim'))
  const store = state.snapshot.store === 'daemon' ? '' : `  store ${state.snapshot.store}`
  const stale = nowMs - state.snapshot.atMs
  return [...tally, span(store, 'dim'), span(stale > 3 * state.intervalMs ? `  sample ${age(stale)} old` : '', 'warn')]
}

const keysByView: Readonly<Record<View, readonly (readonly [string, string])[]>> = {
  groups: [
    ['↑↓', 'move'],
    ['enter', 'open'],
    ['/', 'filter'],
    ['s', 'sort'],
    ['e', 'events'],
    ['r', 'readers'],
    ['p', 'pause'],
    ['?', 'help'],
    ['q', 'quit'],
  ],
  partitions: [
    ['esc', 'back'],
    ['e', 'events'],
    ['r', 'readers'],
    ['c', 'checkpoint'],
    ['g', 'graph'],
    ['y', 'copy cmd'],
    ['?', 'help'],
    ['q', 'quit'],
  ],
  graph: [
    ['esc', 'back'],
    ['↑↓', 'partition'],
    ['[ ]', 'span'],
    ['y', 'copy cmd'],
    ['?', 'help'],
    ['q', 'quit'],
  ],
  events: [
    ['esc', 'back'],
    ['space', 'follow'],
    ['enter', 'whole'],
    ['b', 'body'],
    ['w', 'wrap'],
    ['/', 'filter'],
    ['y', 'copy cmd'],
    ['?', 'help'],
    ['q', 'quit'],
  ],
  readers: [
    ['esc', 'back'],
    ['k', 'kick'],
    ['y', 'copy cmd'],
    ['?', 'help'],
    ['q', 'quit'],
  ],
}

/** Keys shown however narrow the screen is. */
const keysKept = 2

export function footerLines(state: TopState, columns: number, glyphs: Glyphs): readonly Line[] {
  const hints = keysByView[state.view].map(([key, what]): readonly Span[] => [
    span(glyphs === asciiGlyphs && key === '↑↓' ? 'up/dn' : key, 'key'),
    span(` ${what}`, 'dim'),
  ])
  const kept = hints.slice(-keysKept)
  const shown: (readonly Span[])[] = []
  let used = kept.reduce((width, hint) => width + lineWidth(hint) + 2, 0)
  for (const hint of hints.slice(0, -keysKept)) {
    used += lineWidth(hint) + 2
    if (used - 2 <= columns) shown.push(hint)
  }
  const line = [...shown, ...kept].flatMap((hint, index) => (index === 0 ? hint : [span('  '), ...hint]))
  return [summaryLine(state, glyphs), line]
}

function summaryLine(state: TopState, glyphs: Glyphs): Line {
  if (state.message !== null) return [span(printable(state.message), 'strong')]
  const { overlay } = state
  if (overlay?.kind === 'filter') return [span('/', 'key'), span(`${printable(overlay.text)}_`)]
  if (overlay?.kind === 'goto') return [span(':', 'key'), span(`${printable(overlay.text)}_`)]
  const groups = groupsIn(state.snapshot)
  const worst = groups.find((group) => group.level === 'ERR') ?? groups.find((group) => group.level === 'WARN')
  const filter = state.filter === '' ? '-' : printable(state.filter)
  const line: Span[] = [
    span(`sort:${state.sort}${state.isReversed ? ' reversed' : ''}  filter:${filter}`, 'dim'),
    span(`  total lag ${count(sum(groups.map((group) => group.lag)))}`),
  ]
  if (worst === undefined) return line
  const oldest = worst.ageMs === null ? '' : ` ${age(worst.ageMs)}`
  return [
    ...line,
    span(`  worst ${printable(worst.hub)}/${printable(worst.group)} `),
    statusSpan(worst.status, glyphs),
    span(oldest),
  ]
}

/** `orders ▸ audit   WARN   lag 8,204   max age 41s   ETA ∞` */
export function groupTitle(state: TopState, glyphs: Glyphs): Line {
  const group = selectedGroup(state)
  if (group === null) return [span('no consumer group', 'dim')]
  const eta = Number.isFinite(group.drainSeconds) ? age(group.drainSeconds * 1000) : glyphs.infinity
  const change = Math.round(group.outRate - group.inRate)
  return [
    span(`${printable(group.hub)} ${glyphs.into} ${printable(group.group)}`, 'strong'),
    span('   '),
    statusSpan(group.status, glyphs),
    span(`   lag ${count(group.lag)}`),
    span(group.ageMs === null ? '' : `  max age ${group.isAgeEstimated ? '~' : ''}${age(group.ageMs)}`),
    span(group.lag === 0 ? '' : `  ETA ${eta} (${change > 0 ? '+' : ''}${change}/s)`),
    span(`  owners ${group.owners}`, 'dim'),
    // Said while it is not yet everything.
    span(group.complete < group.partitionCount ? `  judged ${group.complete}/${group.partitionCount}` : '', 'dim'),
  ]
}
