// The folders of a simulated disk: which names programs see, and which of them a crash leaves.
//
// A change of names is pending until every folder it touches was synced. A crash keeps any subset of the pending
// changes in which no change is kept without the earlier ones of the same names; renames are atomic. A folder that was
// synced but whose own name was not is gone with everything in it.

import { DiskError } from '../../src/daemon/storage/disk.ts'
import { SimFileNode } from './sim-file.ts'
import type { SimRandom } from './sim-random.ts'

export type SimNode = SimFileNode | SimFolder

export class SimFolder {
  readonly id: number
  readonly names = new Map<string, SimNode>()
  readonly durable = new Map<string, SimNode>()

  constructor(id: number) {
    this.id = id
  }
}

interface Edit {
  readonly folder: SimFolder
  readonly name: string
  readonly node: SimNode | null
}

interface PendingNames {
  readonly order: number
  readonly edits: readonly Edit[]
  readonly unsynced: Set<SimFolder>
}

/** What a crash leaves of un-synced names: `ordered` keeps changes with an order below `keptBelow`. */
export interface NamesOutcome {
  readonly kind: 'lost' | 'kept' | 'ordered' | 'random'
  readonly keptBelow: number
  readonly random: SimRandom
}

export class SimNames {
  readonly root: SimFolder
  #pending: PendingNames[] = []

  constructor(root: SimFolder) {
    this.root = root
  }

  pendingOrders(): number[] {
    return this.#pending.map((change) => change.order)
  }

  /** @throws DiskError ENOENT, ENOTDIR. */
  folder(path: string): SimFolder {
    let folder = this.root
    if (path === '') return folder
    for (const name of path.split('/')) {
      const node = folder.names.get(name)
      if (node === undefined) throw new DiskError('ENOENT', `no folder ${path}`)
      if (!(node instanceof SimFolder)) throw new DiskError('ENOTDIR', `${path} is not a folder`)
      folder = node
    }
    return folder
  }

  find(path: string): SimNode | null {
    const [parent, name] = splitPath(path)
    return name === '' ? this.root : (this.folder(parent).names.get(name) ?? null)
  }

  add(path: string, node: SimNode, order: number): void {
    const [parent, name] = splitPath(path)
    this.#change([{ folder: this.folder(parent), name, node }], order)
  }

  remove(path: string, order: number): void {
    const [parent, name] = splitPath(path)
    const folder = this.folder(parent)
    const node = folder.names.get(name)
    if (node === undefined) throw new DiskError('ENOENT', `no ${path}`)
    if (node instanceof SimFolder && node.names.size > 0) throw new DiskError('ENOTEMPTY', `${path} is not empty`)
    this.#change([{ folder, name, node: null }], order)
  }

  rename(from: string, to: string, order: number): void {
    const [fromParent, fromName] = splitPath(from)
    const [toParent, toName] = splitPath(to)
    const source = this.folder(fromParent)
    const target = this.folder(toParent)
    const node = source.names.get(fromName)
    if (node === undefined) throw new DiskError('ENOENT', `no ${from}`)
    const replaced = target.names.get(toName)
    if (replaced === node) return
    if (replaced instanceof SimFolder && replaced.names.size > 0) throw new DiskError('ENOTEMPTY', `${to} is not empty`)
    if (replaced !== undefined && replaced instanceof SimFolder !== node instanceof SimFolder) {
      throw new DiskError(replaced instanceof SimFolder ? 'EISDIR' : 'ENOTDIR', `${to} is of another kind`)
    }
    this.#change(
      [
        { folder: source, name: fromName, node: null },
        { folder: target, name: toName, node },
      ],
      order,
    )
  }

  sync(path: string): void {
    const folder = this.folder(path)
    const committed = new Set<PendingNames>()
    for (const change of this.#pending) {
      if (change.unsynced.delete(folder) && change.unsynced.size === 0) committed.add(change)
    }
    if (committed.size === 0) return
    // What came earlier to the same names is durable with it.
    const names = new Set<string>()
    for (let i = this.#pending.length - 1; i >= 0; i--) {
      const change = this.#pending[i]!
      if (committed.has(change) || change.edits.some((edit) => names.has(keyOf(edit)))) {
        committed.add(change)
        for (const edit of change.edits) names.add(keyOf(edit))
      }
    }
    this.#pending = this.#pending.filter((change) => {
      if (!committed.has(change)) return true
      commit(change)
      return false
    })
  }

  /** The folders as a crash now leaves them; `survivor` makes the file that stands there afterwards. */
  crashed(outcome: NamesOutcome, survivor: (node: SimFileNode) => SimFileNode): SimFolder {
    const blocked = new Set<string>()
    for (const change of this.#pending) {
      const isKept =
        outcome.kind === 'kept' ||
        (outcome.kind === 'ordered' && change.order < outcome.keptBelow) ||
        (outcome.kind === 'random' && outcome.random.chance(0.5))
      if (isKept && !change.edits.some((edit) => blocked.has(keyOf(edit)))) commit(change)
      else for (const edit of change.edits) blocked.add(keyOf(edit))
    }
    this.#pending = []
    return copyDurable(this.root, survivor)
  }

  #change(edits: readonly Edit[], order: number): void {
    for (const edit of edits) {
      if (edit.node === null) edit.folder.names.delete(edit.name)
      else edit.folder.names.set(edit.name, edit.node)
    }
    this.#pending.push({ order, edits, unsynced: new Set(edits.map((edit) => edit.folder)) })
  }
}

function commit(change: PendingNames): void {
  for (const edit of change.edits) {
    if (edit.node === null) edit.folder.durable.delete(edit.name)
    else edit.folder.durable.set(edit.name, edit.node)
  }
}

function copyDurable(folder: SimFolder, survivor: (node: SimFileNode) => SimFileNode): SimFolder {
  const copy = new SimFolder(folder.id)
  for (const [name, node] of folder.durable) {
    const survived = node instanceof SimFolder ? copyDurable(node, survivor) : survivor(node)
    copy.names.set(name, survived)
    copy.durable.set(name, survived)
  }
  return copy
}

const keyOf = (edit: Edit) => `${edit.folder.id}/${edit.name}`

export function splitPath(path: string): [parent: string, name: string] {
  const slash = path.lastIndexOf('/')
  return slash < 0 ? ['', path] : [path.slice(0, slash), path.slice(slash + 1)]
}
