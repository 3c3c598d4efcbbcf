// Loads the product with one line changed: a planted bug. The change is made while Node loads the module, in a thread of
// its own, so that no product code knows of it; a line that is no longer there once and only once is an error.

import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** @param edits `{ file, find, replace }`, files relative to the project. Returns a function that tells whether all were made. */
export function plant(edits) {
  const made = new Set()
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context)
      const own = edits.filter((edit) => url.startsWith('file:') && fileURLToPath(url) === root + edit.file)
      if (own.length === 0) return loaded
      let source = typeof loaded.source === 'string' ? loaded.source : Buffer.from(loaded.source).toString('utf8')
      for (const { file, find, replace } of own) {
        if (source.split(find).length !== 2)
          throw new Error(`the line to plant a bug in ${file} is not there once: ${find}`)
        source = source.replace(find, () => replace)
        made.add(find)
      }
      return { ...loaded, source }
    },
  })
  return () => made.size === edits.length
}
