// Exit codes that come from no error (docs/CLI.md, "Exit codes"); the others are in `wire/errors.ts`.

export const exitCodes = {
  /** 128 + SIGINT. */
  interrupted: 130,
  /** 128 + SIGTERM. */
  terminated: 143,
} as const
