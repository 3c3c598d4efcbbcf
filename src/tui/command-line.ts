// The `ehub …` command that shows in a script what the screen shows: what `y` copies.

import type { TopState } from './state.ts'

export function commandFor(state: TopState): string {
  const [hub, group] = state.selectedGroup?.split('\n') ?? []
  if (hub === undefined || group === undefined) return 'ehub lag'
  const groupFlag = group === '$Default' ? '' : ` -g ${quoted(group)}`
  switch (state.view) {
    case 'groups':
      return state.sort === 'name' ? 'ehub lag' : `ehub lag --sort ${state.sort === 'age' ? 'age' : 'lag'}`
    case 'partitions':
      return `ehub lag ${quoted(hub)}${groupFlag}`
    case 'graph':
      return `ehub lag ${quoted(hub)}${groupFlag} --history ${state.graphSpanMs / 60_000}m`
    case 'events':
      return `ehub receive ${quoted(hub)} -p ${state.selectedPartition} --tail 50 -e`
    case 'readers':
      return `ehub list-receivers ${quoted(hub)}`
  }
}

/** POSIX single quotes where a shell would read more into the word. */
export function quoted(word: string): string {
  return /^[A-Za-z0-9._\-/:@]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
