// What each key does in each view. Keys come by name: one character, or `up`, `down`, `pageup`, `pagedown`, `home`, `end`,
// `left`, `right`, `return`, `escape`, `tab`, `backspace`, `ctrl-c`, `ctrl-z`.

import { commandFor } from './command-line.ts'
import { step, type Step } from './effects.ts'
import { pressInOverlay } from './overlay-keys.ts'
import { back, followingSelection, loadEvents, moved, opened, partitionRef } from './navigation.ts'
import { overviewRows, rowCount } from './rows.ts'
import { bodyModes, graphSpansMs, groupSorts, intervalsMs, type TopState, views } from './state.ts'

/** Rows a page key moves; the model does not know the height of the screen. */
const pageRows = 10

export function press(state: TopState, key: string): Step {
  if (key === 'ctrl-c') return step(state, { kind: 'quit' })
  if (key === 'ctrl-z') return step(state, { kind: 'suspend' })
  if (state.overlay !== null) return pressInOverlay(state, state.overlay, key)
  return pressInView(state, key) ?? pressAnywhere(state, key)
}

function pressAnywhere(state: TopState, key: string): Step {
  switch (key) {
    case 'q':
      return step(state, { kind: 'quit' })
    case '?':
      return step({ ...state, overlay: { kind: 'help' } })
    case 'up':
      return step(moved(state, state.selectedRow - 1))
    case 'k':
      return state.view === 'readers' ? askKick(state) : step(moved(state, state.selectedRow - 1))
    case 'down':
    case 'j':
      return step(moved(state, state.selectedRow + 1))
    case 'pageup':
      return step(moved(state, state.selectedRow - pageRows))
    case 'pagedown':
      return step(moved(state, state.selectedRow + pageRows))
    case 'home':
      return step(moved(state, 0))
    case 'end':
    case 'G':
      return step(moved(state, rowCount(state) - 1))
    case 'left':
    case 'escape':
      return back(state)
    case 'tab':
      return opened(state, views[(views.indexOf(state.view) + 1) % views.length] ?? 'groups')
    case '/':
      return step({ ...state, overlay: { kind: 'filter', text: state.filter } })
    case ':':
      return step({ ...state, overlay: { kind: 'goto', text: '' } })
    case 'e':
      return opened(state, 'events')
    case 'r':
      return opened(state, 'readers')
    case 'g':
      return state.view === 'groups' ? step(moved(state, 0)) : opened(state, 'graph')
    case 'c':
      return askCheckpoint(state)
    case 'a':
      return step({ ...state, isAbsolute: !state.isAbsolute })
    case 'p':
      return state.isPaused
        ? step({ ...state, isPaused: false, message: 'sampling again' }, { kind: 'sample' })
        : step({ ...state, isPaused: true, message: 'paused: p samples again' })
    case '+':
    case '=':
      return step(withInterval(state, 1))
    case '-':
      return step(withInterval(state, -1))
    case 'y':
      return step({ ...state, message: `copied: ${commandFor(state)}` }, { kind: 'copy', text: commandFor(state) })
    case 'd':
      return step(state, { kind: 'save' })
    default: {
      const view = views[Number(key) - 1]
      return view === undefined ? step(state) : opened(state, view)
    }
  }
}

function pressInView(state: TopState, key: string): Step | null {
  switch (state.view) {
    case 'groups':
      return pressInGroups(state, key)
    case 'partitions':
      return key === 'return' ? opened(state, 'graph') : null
    case 'graph':
      return pressInGraph(state, key)
    case 'events':
      return pressInEvents(state, key)
    case 'readers':
      return null
  }
}

function pressInGroups(state: TopState, key: string): Step | null {
  const row = overviewRows(state)[state.selectedRow]
  switch (key) {
    case 'return':
    case 'right': {
      if (row === undefined) return step(state)
      if (row.kind === 'group') return opened({ ...state, selectedGroup: row.key }, 'partitions')
      const folded = new Set(state.folded)
      if (!folded.delete(row.hub)) folded.add(row.hub)
      return step({ ...state, folded })
    }
    case 's': {
      const sort = groupSorts[(groupSorts.indexOf(state.sort) + 1) % groupSorts.length] ?? 'name'
      return step(followingSelection({ ...state, sort, isReversed: false }))
    }
    case 'S':
      return step(followingSelection({ ...state, isReversed: !state.isReversed }))
    default:
      return null
  }
}

function pressInGraph(state: TopState, key: string): Step | null {
  if (key !== '[' && key !== ']') return null
  const at = graphSpansMs.findIndex((span) => span >= state.graphSpanMs)
  const graphSpanMs = graphSpansMs[at + (key === ']' ? 1 : -1)] ?? state.graphSpanMs
  const ref = partitionRef(state)
  const next = { ...state, graphSpanMs }
  return ref === null ? step(next) : step(next, { kind: 'loadHistory', spanMs: graphSpanMs, ...ref })
}

function pressInEvents(state: TopState, key: string): Step | null {
  switch (key) {
    case 'f':
      return step({ ...state, isFollowing: true }, ...loadEvents(state))
    case ' ':
      return step({ ...state, isFollowing: !state.isFollowing })
    case 'w':
      return step({ ...state, isWrapped: !state.isWrapped })
    case 'b': {
      const bodyMode = bodyModes[(bodyModes.indexOf(state.bodyMode) + 1) % bodyModes.length] ?? 'text'
      return step({ ...state, bodyMode })
    }
    case 'return':
      return step({ ...state, isEventOpen: !state.isEventOpen, isFollowing: false })
    default:
      return null
  }
}

function withInterval(state: TopState, direction: 1 | -1): TopState {
  const at = intervalsMs.findIndex((interval) => interval >= state.intervalMs)
  const intervalMs = intervalsMs[at + direction] ?? state.intervalMs
  return { ...state, intervalMs, message: `sampling every ${intervalMs / 1000} s` }
}

// ---------------------------------------------------------------- changing things

function askCheckpoint(state: TopState): Step {
  if (state.isReadOnly) return step({ ...state, message: 'read-only: checkpoints are not set from here' })
  if (partitionRef(state) === null) return step({ ...state, message: 'no partition is selected' })
  if (state.view === 'groups') return step({ ...state, message: 'open a group (enter) and choose a partition first' })
  return step({ ...state, overlay: { kind: 'checkpoint', text: '', preview: null, isRefused: false } })
}

function askKick(state: TopState): Step {
  if (state.isReadOnly) return step({ ...state, message: 'read-only: nobody is kicked from here' })
  const reader = state.readers[state.selectedRow]
  return reader === undefined ? step(state) : step({ ...state, overlay: { kind: 'kick', reader } })
}
