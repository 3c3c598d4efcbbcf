// Keys while something lies over the view: a line being typed, a question, the help.

import { step, type Step } from './effects.ts'
import { followingSelection, goTo, partitionRef } from './navigation.ts'
import type { Overlay, TopState } from './state.ts'

/** Longest text that can be typed. */
const textMax = 120

export function pressInOverlay(state: TopState, overlay: Overlay, key: string): Step {
  if (key === 'escape') return closed(state, overlay)
  switch (overlay.kind) {
    case 'help':
      return step({ ...state, overlay: null })
    case 'kick':
      return key === 'y' || key === 'return'
        ? step({ ...state, overlay: null }, { kind: 'kick', id: overlay.reader.id })
        : step({ ...state, overlay: null, message: 'nobody was kicked' })
    case 'filter': {
      if (key === 'return') return step(followingSelection({ ...state, overlay: null }))
      const text = typed(overlay.text, key)
      return step(followingSelection({ ...state, filter: text, overlay: { ...overlay, text } }))
    }
    case 'goto':
      if (key === 'return') return goTo(state, overlay.text)
      return step({ ...state, overlay: { ...overlay, text: typed(overlay.text, key) } })
    case 'checkpoint':
      return pressInCheckpoint(state, overlay, key)
  }
}

function closed(state: TopState, overlay: Overlay): Step {
  const next = { ...state, overlay: null }
  return step(overlay.kind === 'filter' ? followingSelection({ ...next, filter: '' }) : next)
}

function pressInCheckpoint(state: TopState, overlay: Extract<Overlay, { kind: 'checkpoint' }>, key: string): Step {
  const ref = partitionRef(state)
  if (ref === null) return step({ ...state, overlay: null })
  if (key !== 'return') {
    const text = typed(overlay.text, key)
    const next = { ...state, overlay: { ...overlay, text, preview: null, isRefused: false } }
    return text === '' ? step(next) : step(next, { kind: 'preview', text, ...ref })
  }
  // Only what has been previewed is written: the effect was on the screen before it happened.
  if (overlay.text === '' || overlay.preview === null || overlay.isRefused) return step(state)
  return step({ ...state, overlay: null }, { kind: 'setCheckpoint', text: overlay.text, ...ref })
}

function typed(text: string, key: string): string {
  if (key === 'backspace') return text.slice(0, -1)
  return key.length === 1 && text.length < textMax ? text + key : text
}
