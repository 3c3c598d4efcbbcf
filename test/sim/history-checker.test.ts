import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HistoryEntry, RegisterAction, RegisterResult, Rule } from './history.ts'
import { HistoryChecker } from './history-checker.ts'

const log = 'h1/0'
const sent = (firstNumber: number, count = 1, isIdempotent = false): HistoryEntry => ({
  type: 'send-invoked',
  log,
  producer: 1,
  firstNumber,
  count,
  isIdempotent,
})
const answered = (firstNumber: number, outcome: 'ok' | 'failed' | 'unknown', sequence?: number): HistoryEntry => ({
  type: 'send-completed',
  producer: 1,
  firstNumber,
  outcome,
  ...(sequence === undefined ? {} : { sequence }),
})
const seen = (sequence: number, number: number, more: { time?: number; isIntact?: boolean } = {}) => ({
  sequence,
  producer: 1,
  number,
  enqueuedTimeMs: more.time ?? 1000 + sequence,
  isIntact: more.isIntact ?? true,
})
const opened = (reader: number, from: number, level: number | null = null, credit = 0): HistoryEntry => ({
  type: 'reader-opened',
  reader,
  log,
  from,
  group: 'g',
  level,
  credit,
})
const read = (reader: number, sequence: number, number = sequence): HistoryEntry => ({
  type: 'read',
  reader,
  ...seen(sequence, number),
})
const ended = (start: number, end: number): HistoryEntry => ({ type: 'stored-log', log, start, end })
const stored = (
  sequence: number,
  number = sequence,
  more: { time?: number; isIntact?: boolean } = {},
): HistoryEntry => ({
  type: 'stored',
  log,
  ...seen(sequence, number, more),
})
const acked = (...numbers: number[]): HistoryEntry[] => numbers.flatMap((n) => [sent(n), answered(n, 'ok', n)])
const asks = (operation: number, action: RegisterAction): HistoryEntry => ({
  type: 'register-invoked',
  operation,
  key: 'c',
  action,
})
const told = (operation: number, result: RegisterResult): HistoryEntry => ({
  type: 'register-completed',
  operation,
  result,
})
const write = (value: string, expected?: string | null): RegisterAction => ({
  kind: 'write',
  value,
  expected: expected === undefined ? { kind: 'any' } : { kind: 'is', value: expected },
})

function rulesBroken(history: readonly HistoryEntry[]): Rule[] {
  const checker = new HistoryChecker()
  for (const entry of history) checker.record(entry)
  checker.finish()
  return [...new Set(checker.violations.map((violation) => violation.rule))].sort((a, b) => a - b)
}

const good: Record<string, HistoryEntry[]> = {
  'sends, reads and the read-back agree': [
    ...acked(0, 1),
    opened(7, 0),
    read(7, 0),
    read(7, 1),
    sent(2, 3),
    answered(2, 'unknown'),
    ended(0, 5),
    ...[0, 1, 2, 3, 4].map((n) => stored(n)),
  ],
  'a failed and a lost unknown send are absent': [
    sent(0),
    answered(0, 'failed'),
    sent(1),
    answered(1, 'unknown'),
    ...[sent(2), answered(2, 'ok', 0)],
    ended(0, 1),
    stored(0, 2),
  ],
  'what was trimmed may be gone, also the head of a batch': [
    sent(0, 4),
    answered(0, 'ok', 0),
    { type: 'trim-invoked', log, before: 2 },
    ended(2, 4),
    stored(2),
    stored(3),
  ],
  'a deleted log is gone': [...acked(0), { type: 'delete-invoked', log }],
  'declared damage': [
    ...acked(0, 1, 2),
    { type: 'gap-declared', log, from: 1, to: 2 },
    opened(7, 0),
    read(7, 0),
    read(7, 2),
    ended(0, 3),
    stored(0),
    stored(2),
  ],
  'a retry with the same numbers appears once': [
    sent(0, 2, true),
    answered(0, 'unknown'),
    sent(0, 2, true),
    answered(0, 'ok', 0),
    ended(0, 2),
    stored(0),
    stored(1),
  ],
  'the owner changes upwards and a displaced client gets its credit': [
    ...acked(0, 1, 2),
    opened(1, 0, 1, 1),
    read(1, 0),
    opened(2, 0, 2),
    read(1, 1),
    { type: 'reader-closed', reader: 2 },
    opened(3, 0, 0),
    read(3, 0),
  ],
  'a time lookup names the first event at or after': [
    ...acked(0, 1),
    { type: 'time-lookup', log, timeMs: 1001, found: 1, start: 0, end: 2 },
    { type: 'time-lookup', log, timeMs: 9999, found: 2, start: 0, end: 2 },
    ended(0, 2),
    stored(0),
    stored(1),
  ],
  'compare-and-set: overlapping writes, one of them unknown and seen later': [
    asks(1, write('a', null)),
    asks(2, write('b', null)),
    told(2, { kind: 'conflict' }),
    told(1, { kind: 'done' }),
    asks(3, write('c', 'a')),
    told(3, { kind: 'unknown' }),
    asks(4, { kind: 'read' }),
    told(4, { kind: 'value', value: 'a' }),
    asks(5, { kind: 'read' }),
    told(5, { kind: 'value', value: 'c' }),
    asks(6, { kind: 'clear' }),
    told(6, { kind: 'done' }),
    asks(7, { kind: 'read' }),
    told(7, { kind: 'value', value: null }),
  ],
}

const bad: readonly [rule: Rule, what: string, history: HistoryEntry[]][] = [
  [1, 'two events at one number', [...acked(0), sent(1), opened(7, 0), read(7, 0, 1)]],
  [1, 'a hole in the log', [...acked(0), sent(1), answered(1, 'ok', 2), ended(0, 3), stored(0), stored(2, 1)]],
  [1, 'the log ends before its end', [sent(0), answered(0, 'unknown'), ended(0, 1)]],
  [2, 'an acknowledged event is lost', [...acked(0, 1), ended(0, 1), stored(0)]],
  [2, 'an acknowledged event without a number is lost', [sent(0), answered(0, 'ok'), ended(0, 0)]],
  [2, 'a whole log is lost', [...acked(0)]],
  [2, 'the start moved without being asked', [...acked(0, 1), ended(1, 2), stored(1)]],
  [2, 'a trim is forgotten', [...acked(0), { type: 'trim-completed', log, before: 1 }, ended(0, 1), stored(0)]],
  [3, 'an event nobody sent', [...acked(0), ended(0, 2), stored(0), stored(1, 77)]],
  [3, 'a failed send is there', [sent(0), answered(0, 'failed'), ended(0, 1), stored(0)]],
  [3, 'an altered body', [...acked(0), ended(0, 1), stored(0, 0, { isIntact: false })]],
  [3, 'one send stored twice', [sent(0), answered(0, 'unknown'), ended(0, 2), stored(0, 0), stored(1, 0)]],
  [4, 'half a batch', [sent(0, 2), answered(0, 'unknown'), ended(0, 1), stored(0)]],
  [
    4,
    'a batch with a stranger inside',
    [
      sent(0, 2),
      answered(0, 'unknown'),
      sent(2),
      answered(2, 'unknown'),
      ended(0, 3),
      stored(0),
      stored(1, 2),
      stored(2, 1),
    ],
  ],
  [5, 'a reader goes back', [...acked(0, 1), opened(7, 0), read(7, 0), read(7, 1), read(7, 0)]],
  [5, 'a reader skips', [...acked(0, 1), opened(7, 0), read(7, 1)]],
  [5, 'a reader starts elsewhere than it asked', [...acked(0, 1), opened(7, 1), read(7, 0)]],
  [6, 'a later send with a lower number', [sent(0), answered(0, 'ok', 5), sent(1), answered(1, 'ok', 3)]],
  [
    6,
    'a later send stored before',
    [sent(0), answered(0, 'ok'), sent(1), answered(1, 'ok'), ended(0, 2), stored(0, 1), stored(1, 0)],
  ],
  [7, 'time runs backwards', [...acked(0, 1), ended(0, 2), stored(0, 0, { time: 9 }), stored(1, 1, { time: 8 })]],
  [7, 'a time changes', [...acked(0), opened(7, 0), read(7, 0), ended(0, 1), stored(0, 0, { time: 9 })]],
  [
    7,
    'a time lookup skips an event',
    [
      ...acked(0, 1),
      { type: 'time-lookup', log, timeMs: 1000, found: 1, start: 0, end: 2 },
      ended(0, 2),
      stored(0),
      stored(1),
    ],
  ],
  [8, 'a displaced reader is handed an event', [...acked(0), opened(1, 0, 1), opened(2, 0, 2), read(1, 0)]],
  [8, 'a reader without level beside an owner', [opened(1, 0, 1), opened(2, 0)]],
  [8, 'a lower level displaces a higher one', [opened(1, 0, 2), opened(2, 0, 1)]],
  [
    8,
    'more than the credit after displacement',
    [...acked(0, 1), opened(1, 0, 1, 1), opened(2, 0, 1), read(1, 0), read(1, 1)],
  ],
  [
    9,
    'an idempotent retry is stored twice',
    [sent(0, 1, true), sent(0, 1, true), answered(0, 'ok', 0), ended(0, 2), stored(0), stored(1, 0)],
  ],
  [9, 'a number is used again without idempotence', [sent(0), answered(0, 'unknown'), sent(0), answered(0, 'unknown')]],
  [
    10,
    'two compare-and-sets win',
    [asks(1, write('a', null)), told(1, { kind: 'done' }), asks(2, write('b', null)), told(2, { kind: 'done' })],
  ],
  [
    10,
    'an acknowledged checkpoint is forgotten',
    [
      asks(1, write('a')),
      told(1, { kind: 'done' }),
      asks(2, { kind: 'read' }),
      told(2, { kind: 'value', value: null }),
    ],
  ],
  [
    10,
    'a refused write took effect',
    [
      asks(1, write('a')),
      told(1, { kind: 'failed' }),
      asks(2, { kind: 'read' }),
      told(2, { kind: 'value', value: 'a' }),
    ],
  ],
  [11, 'a send is never answered', [sent(0)]],
  [11, 'a checkpoint is never answered', [asks(1, write('a'))]],
]

for (const [what, history] of Object.entries(good)) {
  test(`a good history passes: ${what}`, () => {
    assert.deepEqual(rulesBroken(withReadBack(history)), [])
  })
}

for (const [rule, what, history] of bad) {
  test(`rule ${rule} catches: ${what}`, () => {
    const broken = rulesBroken(history)
    assert.ok(broken.includes(rule), `broken: ${broken.join(', ')}`)
  })
}

test('every rule has a bad history', () => {
  assert.deepEqual([...new Set(bad.map(([rule]) => rule))], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
})

test('a million events stream through in bounded memory', () => {
  const checker = new HistoryChecker()
  const before = process.memoryUsage().arrayBuffers
  const count = 100
  for (let n = 0; n < 1_000_000; n += count) {
    checker.record(sent(n, count))
    checker.record(answered(n, 'ok', n))
  }
  checker.record(ended(0, 1_000_000))
  for (let n = 0; n < 1_000_000; n++) checker.record(stored(n))
  assert.deepEqual(checker.finish(), [])
  const bytes = process.memoryUsage().arrayBuffers - before
  assert.ok(bytes < 40 * 1_000_000, `${bytes} bytes for a million events`)
})

/** Adds the read-back of everything acknowledged to a history that has none. */
function withReadBack(history: readonly HistoryEntry[]): HistoryEntry[] {
  const hasReadBack = history.some((entry) => entry.type === 'stored-log' || entry.type === 'delete-invoked')
  if (hasReadBack) return [...history]
  const oks = history.filter((entry) => entry.type === 'send-completed' && entry.outcome === 'ok')
  return [...history, ended(0, oks.length), ...oks.map((_, n) => stored(n))]
}
