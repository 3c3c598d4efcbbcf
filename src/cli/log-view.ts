// The daemon's log lines (JSON, one a line) as people read them.

import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { escapeText } from '../base/escape-text.ts'
import type { Colour, Output } from './output.ts'

const levels = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof levels)[number]

export interface LogLine {
  readonly timeMs: number
  readonly level: LogLevel
  readonly message: string
  readonly fields: readonly (readonly [string, unknown])[]
}

/** null for a line that is none of ours. */
export function parseLogLine(line: string): LogLine | null {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null) return null
  const { level, time, message, ...rest } = value as Record<string, unknown>
  const known = levels.find((candidate) => candidate === level)
  if (known === undefined || typeof time !== 'string') return null
  return {
    timeMs: Date.parse(time),
    level: known,
    message: typeof message === 'string' ? message : '',
    fields: Object.entries(rest),
  }
}

/** The log written to last, of all daemons that ran in the background; null when none did. */
export function newestLog(folder: string): string | null {
  let names: string[]
  try {
    names = readdirSync(folder)
  } catch {
    return null
  }
  const logs = names
    .filter((name) => /^[0-9a-f]{16}\.log$/.test(name))
    .map((name) => join(folder, name))
    .map((path) => ({ path, changedAtMs: statSync(path).mtimeMs }))
  return logs.toSorted((a, b) => b.changedAtMs - a.changedAtMs).at(0)?.path ?? null
}

export function isAtLeast(level: LogLevel, least: LogLevel): boolean {
  return levels.indexOf(level) >= levels.indexOf(least)
}

const colours = { debug: 'dim', info: 'green', warn: 'yellow', error: 'red' } as const satisfies Record<
  LogLevel,
  Colour
>

/** `2026-11-20T09:30:00.123Z INFO  ready pid=4711`, stacks on lines of their own. */
export function formatLogLine(line: LogLine, output: Output, stream: 'stdout' | 'stderr'): string {
  const level = output.paint(colours[line.level], line.level.toUpperCase().padEnd(5), stream)
  const pairs = line.fields
    .filter(([name]) => name !== 'stack')
    .map(([name, value]) => ` ${escapeText(name)}=${escapeText(fieldText(value))}`)
  const stack = line.fields.find(([name]) => name === 'stack')?.[1]
  const stackText = typeof stack === 'string' ? stack.split('\n').map((part) => `\n    ${escapeText(part)}`) : []
  const time = new Date(line.timeMs).toISOString()
  return `${time} ${level} ${escapeText(line.message)}${pairs.join('')}${stackText.join('')}`
}

function fieldText(value: unknown): string {
  if (typeof value === 'string') return /[\s"=]/.test(value) || value === '' ? JSON.stringify(value) : value
  return JSON.stringify(value) ?? ''
}
