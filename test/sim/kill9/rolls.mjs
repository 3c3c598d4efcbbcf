// Waits for the moment in which a data folder makes or renames a file: the daemon is in the middle of a roll.

import { existsSync, readdirSync, watch } from 'node:fs'
import { join } from 'node:path'

/** Resolves with true as soon as a journal file or segment appears or goes, with false after `withinMs`. */
export function fileMade(dataFolder, withinMs) {
  const watchers = []
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), withinMs)
    for (const folder of foldersOf(dataFolder)) {
      const watcher = watch(folder, (event) => {
        if (event !== 'rename') return
        clearTimeout(timer)
        resolve(true)
      })
      watcher.on('error', () => undefined)
      watchers.push(watcher)
    }
  }).finally(() => {
    for (const watcher of watchers) watcher.close()
  })
}

function foldersOf(dataFolder) {
  const logs = join(dataFolder, 'logs')
  const folders = [join(dataFolder, 'journal')]
  for (const group of existsSync(logs) ? readdirSync(logs) : []) {
    for (const partition of readdirSync(join(logs, group))) folders.push(join(logs, group, partition))
  }
  return folders.filter((folder) => existsSync(folder))
}
