// Text from peers on its way to a terminal or a log: nothing in it may move the cursor, forge a line or reorder what a
// person reads (reliability S14).

// C0 and C1 controls, DEL, line and paragraph separators, and the bidirectional marks, embeddings, overrides, isolates.
// oxlint-disable-next-line no-control-regex -- these characters are what this file is about
const unsafe = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

/** `text` with every control and bidirectional character as `\xNN` or `\uNNNN`; newlines and tabs as `\n`, `\t`. */
export function escapeText(text: string): string {
  return text.replace(unsafe, escapeCharacter)
}

/** As `escapeText`, but keeps newlines and tabs: for texts of several lines that we laid out ourselves. */
export function escapeLines(text: string): string {
  return text.replace(unsafe, (character) =>
    character === '\n' || character === '\t' ? character : escapeCharacter(character),
  )
}

function escapeCharacter(character: string): string {
  if (character === '\n') return '\\n'
  if (character === '\r') return '\\r'
  if (character === '\t') return '\\t'
  const code = character.charCodeAt(0)
  return code <= 0xff ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
}
