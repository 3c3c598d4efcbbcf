// Roles to terminal colours. The sixteen basic ones, so that the user's own theme decides what they look like.

import type { Role } from './line.ts'

export interface Style {
  readonly color?: 'red' | 'green' | 'yellow' | 'magenta' | 'cyan' | 'gray' | 'white' | 'blackBright'
  readonly bold?: boolean
  readonly dimColor?: boolean
  readonly inverse?: boolean
}

const colours: Readonly<Record<Role, Style>> = {
  plain: {},
  strong: { bold: true },
  dim: { dimColor: true },
  good: { color: 'green' },
  warn: { color: 'yellow', bold: true },
  bad: { color: 'red', bold: true },
  lost: { color: 'red', inverse: true },
  rewind: { color: 'magenta', bold: true },
  cursor: { inverse: true },
  key: { color: 'cyan', bold: true },
  frame: { dimColor: true },
  trend: { color: 'cyan' },
}

// Without colours the words carry the meaning; the cursor still has to be seen.
const monochrome: Readonly<Record<Role, Style>> = {
  plain: {},
  strong: { bold: true },
  dim: {},
  good: {},
  warn: { bold: true },
  bad: { bold: true },
  lost: { inverse: true },
  rewind: { bold: true },
  cursor: { inverse: true },
  key: { bold: true },
  frame: {},
  trend: {},
}

export function styleOf(role: Role, hasColour: boolean): Style {
  return (hasColour ? colours : monochrome)[role]
}
