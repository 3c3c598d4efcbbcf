// Golden frames: what the screen looks like, as text. After a wanted change run with EHUB_GOLDEN=write and read the diff.

import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, test } from 'node:test'
import { renderFrame, type Size } from '../../src/tui/frame/frame.ts'
import { asciiGlyphs, type Glyphs, unicodeGlyphs } from '../../src/tui/glyphs.ts'
import { lineWidth, textOf } from '../../src/tui/line.ts'
import type { TopState } from '../../src/tui/state.ts'
import { freshState, keys, noonMs, partition, play, sampled, snapshotAt } from './fixture.ts'

const folder = fileURLToPath(new URL('../golden/frames/', import.meta.url))
const sizes: readonly Size[] = [
  { columns: 80, rows: 24 },
  { columns: 120, rows: 40 },
  { columns: 60, rows: 20 },
]

const history = Array.from({ length: 600 }, (_, second) => ({
  atMs: noonMs + 12_000 - 600_000 + second * 1000,
  value: second < 300 ? 50 : 50 + (second - 300) * 28,
}))
const nextEvent = 'seq 42,846  11:59:31.402  key c-19  1.1KB'
const body = (text: string) => new TextEncoder().encode(text)
const events = [0, 1, 2].map((n) => ({
  partition: 1,
  sequence: 50_986 + n,
  enqueuedMs: noonMs - 2000 + n * 130,
  key: `c-${n}`,
  body: body(
    `{"id":${9912 + n},"type":"OrderPlaced","note":"漢字 and a rather long text that does not fit the screen"}`,
  ),
  properties: ['type=OrderPlaced'],
}))
const readers = [0, 1].map((n) => ({
  id: n,
  group: 'audit',
  partition: n,
  name: n === 0 ? 'worker-1' : null,
  origin: `127.0.0.1:5${n}`,
  ownerLevel: n === 0 ? 0 : null,
  credit: 300 - n,
  delivered: 123_456 * (n + 1),
  openedAtMs: noonMs - 60_000,
}))

const audit = () =>
  play(
    sampled(),
    ':',
    ...keys('orders/audit'),
    'return',
    { kind: 'historyLoaded', samples: history },
    { kind: 'nextEventLoaded', text: nextEvent },
  ).state

const scenes: Readonly<Record<string, () => TopState>> = {
  overview: () => sampled(),
  partitions: audit,
  graph: () => play(audit(), 'g', { kind: 'historyLoaded', samples: history }).state,
  events: () => play(audit(), 'e', { kind: 'eventsLoaded', events }).state,
  event: () => play(audit(), 'e', { kind: 'eventsLoaded', events }, 'return').state,
  readers: () => play(audit(), 'r', { kind: 'readersLoaded', readers }).state,
  checkpoint: () =>
    play(audit(), 'c', '4', '2', {
      kind: 'previewed',
      text: '42',
      preview: 'lag 9,276 → 52,078: 42,802 events will be read again',
      isRefused: false,
    }).state,
  help: () => play(sampled(), '?').state,
  empty: () => play(freshState(), { kind: 'sampled', snapshot: { ...snapshotAt(0), hubs: [], partitions: [] } }).state,
  gone: () => play(sampled(), { kind: 'sourceFailed', reason: 'the daemon does not answer' }).state,
}

function golden(name: string, frame: string): void {
  const path = `${folder}${name}.txt`
  if (process.env.EHUB_GOLDEN === 'write') {
    mkdirSync(folder, { recursive: true })
    writeFileSync(path, frame)
    return
  }
  assert.ok(existsSync(path), `${path} is missing: run with EHUB_GOLDEN=write`)
  assert.equal(frame, readFileSync(path, 'utf8'))
}

function draw(state: TopState, size: Size, glyphs: Glyphs = unicodeGlyphs): string {
  const lines = renderFrame(state, size, glyphs, noonMs + 12_500)
  assert.equal(lines.length, size.rows)
  for (const line of lines) assert.equal(lineWidth(line), size.columns, textOf(line))
  return `${lines.map(textOf).join('\n')}\n`
}

describe('frames', () => {
  for (const [name, scene] of Object.entries(scenes)) {
    for (const size of sizes) {
      test(`${name} at ${size.columns}×${size.rows}`, () => {
        golden(`${name}-${size.columns}x${size.rows}`, draw(scene(), size))
      })
    }
  }

  test('ASCII has no character above 0x7E', () => {
    for (const scene of [sampled, audit]) {
      const frame = draw(scene(), { columns: 80, rows: 24 }, asciiGlyphs)
      assert.match(frame, /^[\n\x20-\x7e]*$/)
    }
    golden('overview-ascii-80x24', draw(sampled(), { columns: 80, rows: 24 }, asciiGlyphs))
  })
})

test('every size from tiny to huge is filled exactly', () => {
  for (const columns of [1, 20, 39, 40, 60, 79, 80, 119, 120, 200]) {
    for (const rows of [1, 7, 8, 12, 15, 16, 24, 30, 60]) {
      for (const scene of Object.values(scenes)) draw(scene(), { columns, rows })
    }
  }
})

test('a narrow screen gives up the trend first and never lag or status', () => {
  const frame = draw(sampled(), { columns: 50, rows: 20 })
  assert.doesNotMatch(frame, /TREND/)
  assert.match(frame, /ST +LAG/)
  assert.match(draw(sampled(), { columns: 40, rows: 20 }), /ST +LAG/)
})

test('control and direction characters of names and events never reach the terminal', () => {
  const nasty = '\u001b[2Jx\u202ey\u0007'
  const snapshot = { ...snapshotAt(0), partitions: [partition(`h${nasty}`, `g${nasty}`, 0, { owner: nasty })] }
  const state = play(freshState(), { kind: 'sampled', snapshot }, 'down', 'return', {
    kind: 'nextEventLoaded',
    text: nasty,
  }).state
  const shown = play(state, 'e', {
    kind: 'eventsLoaded',
    events: [{ partition: 0, sequence: 1, enqueuedMs: 0, key: nasty, body: body(nasty), properties: [nasty] }],
  }).state
  for (const scene of [state, shown, play(shown, 'return').state]) {
    // oxlint-disable-next-line no-control-regex
    assert.doesNotMatch(draw(scene, { columns: 120, rows: 40 }), /[\u0000-\u0009\u000b-\u001f\u202e]/)
  }
})

test('two thousand partitions cost about as much as twenty', () => {
  const many = (count: number) => {
    const rows = Array.from({ length: count }, (_, n) => partition('big', 'g', n))
    return play(freshState(), { kind: 'sampled', snapshot: { ...snapshotAt(0), partitions: rows } }, 'down', 'return')
      .state
  }
  const cellsOf = (state: TopState) =>
    renderFrame(state, { columns: 80, rows: 24 }, unicodeGlyphs, noonMs).flat().length
  const [large, small] = [cellsOf(many(2000)), cellsOf(many(20))]
  assert.ok(Math.abs(large - small) < 10, `${large} and ${small} cells`)
})
