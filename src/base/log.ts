// What the floors may say to the operator. The daemon implements it with one JSON line per call; control characters from
// clients are escaped there. One error, one line, where it is finally handled.

export type LogFields = Readonly<Record<string, unknown>>

export interface Log {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  /** A log whose lines all carry these fields. */
  with(fields: LogFields): Log
}

/** Says nothing: for tests and for tools that read a data folder offline. */
export const quietLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  with: () => quietLog,
}
