// JSON from a peer: bounded in depth before it is parsed, so that hostile nesting cannot exhaust the stack (reliability S8).

import { EhubError } from '../../base/error.ts'

/** Deepest nesting of objects and lists; the contract needs 2. */
export const jsonDepthMax = 16

/** @throws EhubError `argument-error` for malformed JSON or nesting beyond `jsonDepthMax`. */
export function parseJson(text: string): unknown {
  let depth = 0
  let isInText = false
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index)
    if (isInText) {
      if (code === 0x5c) index += 1
      else if (code === 0x22) isInText = false
    } else if (code === 0x22) isInText = true
    else if (code === 0x7b || code === 0x5b) {
      depth += 1
      if (depth > jsonDepthMax) throw new EhubError('argument-error', `JSON nests deeper than ${jsonDepthMax}`)
    } else if (code === 0x7d || code === 0x5d) depth -= 1
  }
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new EhubError('argument-error', 'the body is not valid JSON', { cause: error })
  }
}
