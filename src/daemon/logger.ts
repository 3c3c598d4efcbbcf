// The daemon's log: one JSON line a call, made by pino. To a file in the background (bounded: one file of the size below and
// the one before it), to stderr in the foreground. Texts from clients cannot forge a line or reorder what is read: JSON
// escapes C0 controls, the sink escapes the rest (reliability S14).

import { closeSync, openSync, fstatSync, renameSync, writeSync } from 'node:fs'
import { pino } from 'pino'
import type { Log, LogFields } from '../base/log.ts'

export const logLevels = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof logLevels)[number]

export interface LineSink {
  write(line: string): void
}

const fileBytesMax = 16 * 1024 * 1024

/** @param sink Takes whole lines, each with its newline. */
export function makeLog(sink: LineSink, level: LogLevel): Log {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    messageKey: 'message',
    errorKey: 'error',
    formatters: { level: (label: string) => ({ level: label }) },
  }
  return wrap(pino(options, { write: (line: string) => sink.write(escapeRest(line)) }))
}

interface LineLogger {
  debug(fields: LogFields, message: string): void
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
  child(fields: LogFields): LineLogger
}

function wrap(logger: LineLogger): Log {
  return {
    debug: (message, fields) => logger.debug(fields ?? {}, message),
    info: (message, fields) => logger.info(fields ?? {}, message),
    warn: (message, fields) => logger.warn(fields ?? {}, message),
    error: (message, fields) => logger.error(fields ?? {}, message),
    with: (fields) => wrap(logger.child(fields)),
  }
}

/** Appends to a file, on the calling thread: lines are few, and the last one before a crash counts most. */
export class LogFile implements LineSink {
  readonly #path: string
  #descriptor: number
  #bytes: number

  constructor(path: string) {
    this.#path = path
    this.#descriptor = openSync(path, 'a', 0o600)
    this.#bytes = fstatSync(this.#descriptor).size
  }

  write(line: string): void {
    if (this.#bytes > fileBytesMax) this.#turn()
    this.#bytes += writeSync(this.#descriptor, line)
  }

  #turn(): void {
    closeSync(this.#descriptor)
    renameSync(this.#path, `${this.#path}.1`)
    this.#descriptor = openSync(this.#path, 'a', 0o600)
    this.#bytes = 0
  }
}

// DEL, C1 controls, separators and bidirectional characters, inside JSON texts only: as JSON escapes they stay valid.
function escapeRest(line: string): string {
  return line.replace(
    /[\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
