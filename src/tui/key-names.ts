// A terminal's keys by the names the model uses. Pasted text arrives as one string and counts as its characters.

export interface PressedKey {
  readonly upArrow: boolean
  readonly downArrow: boolean
  readonly leftArrow: boolean
  readonly rightArrow: boolean
  readonly pageUp: boolean
  readonly pageDown: boolean
  readonly home: boolean
  readonly end: boolean
  readonly return: boolean
  readonly escape: boolean
  readonly tab: boolean
  readonly backspace: boolean
  readonly delete: boolean
  readonly ctrl: boolean
  readonly meta: boolean
}

const named: readonly (readonly [keyof PressedKey, string])[] = [
  ['upArrow', 'up'],
  ['downArrow', 'down'],
  ['leftArrow', 'left'],
  ['rightArrow', 'right'],
  ['pageUp', 'pageup'],
  ['pageDown', 'pagedown'],
  ['home', 'home'],
  ['end', 'end'],
  ['return', 'return'],
  ['tab', 'tab'],
  // Terminals disagree about which of the two the key above return is.
  ['backspace', 'backspace'],
  ['delete', 'backspace'],
]

/** Keys pasted at once beyond this are dropped. */
const pasteMax = 256

/** Names in the order pressed; empty for keys the screen does not know. */
export function keyNames(input: string, key: PressedKey): readonly string[] {
  if (key.ctrl) return input === 'c' || input === 'z' ? [`ctrl-${input}`] : []
  for (const [flag, name] of named) if (key[flag]) return [name]
  if (key.escape) return ['escape']
  if (key.meta) return []
  return input
    .slice(0, pasteMax)
    .split('')
    .map((character) => typedNames.get(character) ?? character)
    .filter((name) => name >= ' ')
}

// Fast typing and pasting bring keys that have names of their own inside a text.
const typedNames: ReadonlyMap<string, string> = new Map([
  ['\r', 'return'],
  ['\n', 'return'],
  ['\u007f', 'backspace'],
])
