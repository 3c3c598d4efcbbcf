// Bugs planted into the product while it is loaded (`plant-hook.mjs`), each to be found within a stated number of seeds:
// what proves that the simulation can see. A line that is gone is an error here, not a bug that is no longer found.

export interface PlantedBug {
  readonly name: string
  /** What goes wrong for a user. */
  readonly harm: string
  /** Which harness finds it. */
  readonly kind: 'storage' | 'broker' | 'compaction' | 'capture' | 'damage' | 'index' | 'kill9'
  /** For `kill9` kills, not seeds. */
  readonly seedsMax: number
  readonly edits: readonly { readonly file: string; readonly find: string; readonly replace: string }[]
}

const storage = (file: string) => `src/daemon/storage/${file}`
const capture = (file: string) => `src/daemon/protocols/capture/${file}`
const broker = (file: string) => `src/daemon/broker/${file}`

export const plantedBugs: readonly PlantedBug[] = [
  {
    name: 'answer before write',
    harm: 'an acknowledged event is lost when the process is killed',
    kind: 'kill9',
    seedsMax: 10,
    edits: [
      {
        file: storage('commit-journal.ts'),
        find: '      await this.#write(file, chunks, bytes)\n',
        replace:
          '      for (const item of items) {\n        if (item.client !== null) this.#clients.add(item.client)\n        item.committed()\n      }\n      await new Promise((resolve) => globalThis.setTimeout(resolve, 20))\n      await this.#write(file, chunks, bytes)\n',
      },
      {
        file: storage('commit-journal.ts'),
        find: '    this.#groupNumber += 1\n    for (const item of items) {\n      if (item.client !== null) this.#clients.add(item.client)\n      item.committed()\n    }\n',
        replace: '    this.#groupNumber += 1\n',
      },
    ],
  },
  {
    name: 'answer before sync',
    harm: 'an acknowledged event is lost in a power cut',
    kind: 'storage',
    seedsMax: 50,
    edits: [
      {
        file: storage('commit-journal.ts'),
        find: '      await file.sync()\n    } catch (error) {\n      await this.#abandonFile(items, error)\n      return\n    }\n    this.#commitGroups += 1',
        replace:
          '    } catch (error) {\n      await this.#abandonFile(items, error)\n      return\n    }\n    this.#commitGroups += 1',
      },
    ],
  },
  {
    name: 'no directory sync',
    harm: 'a new journal file is forgotten in a power cut, with everything acknowledged in it',
    kind: 'storage',
    seedsMax: 50,
    edits: [
      {
        file: storage('journal-files.ts'),
        find: 'await this.#disk.rename(journalNextPath, journalPath(header.generation))\n      await this.#disk.syncDirectory(journalFolder)',
        replace: 'await this.#disk.rename(journalNextPath, journalPath(header.generation))',
      },
    ],
  },
  {
    name: 'no checksum',
    harm: 'a damaged payload is handed out',
    kind: 'damage',
    seedsMax: 4,
    edits: [
      {
        file: storage('format.ts'),
        find: 'crc32c(from.subarray(at + 4, end)) !== header.crc',
        replace: 'header.crc !== header.crc',
      },
    ],
  },
  {
    name: 'index trusted blindly',
    harm: 'a flipped bit in an index file makes whole events unreadable',
    kind: 'index',
    seedsMax: 2,
    edits: [
      {
        file: storage('format.ts'),
        find: 'if (crc32c(bytes.subarray(4)) !== bytes.readUInt32LE(0)) return null\n  const entries',
        replace: 'const entries',
      },
      { file: storage('log-reader.ts'), find: 'if (isDoubtful) throw new DoubtfulIndex()', replace: 'void isDoubtful' },
    ],
  },
  {
    name: 'wrong truncation',
    harm: 'what a refused write left behind is taken for acknowledged',
    kind: 'storage',
    seedsMax: 2000,
    edits: [
      {
        file: storage('commit-journal.ts'),
        find: '      await file.truncate(this.#position)\n',
        replace: '',
      },
    ],
  },
  {
    name: 'torn groups are replayed',
    harm: 'half of an append comes back after a crash',
    kind: 'storage',
    seedsMax: 3000,
    edits: [
      {
        file: storage('journal-format.ts'),
        find: 'if (crc32c(from.subarray(summed, bodyEnd)) !== row.bodyCrc) return null',
        replace: 'void summed',
      },
    ],
  },
  {
    name: 'sequence reused',
    harm: 'a log that was trimmed to its end counts from 0 again',
    kind: 'storage',
    seedsMax: 500,
    edits: [
      {
        file: storage('embedded-engine.ts'),
        find: 'openLogFiles(id, known?.state ?? null, parts)',
        replace: 'openLogFiles(id, known?.state.segmentBase == null ? null : known.state, parts)',
      },
    ],
  },
  {
    name: 'failed sync retried',
    harm: 'events are acknowledged whose pages the kernel has dropped',
    kind: 'storage',
    seedsMax: 1000,
    edits: [
      {
        file: storage('commit-journal.ts'),
        find: '      await file.sync()\n    } catch (error) {\n      await this.#abandonFile(items, error)\n      return\n    }\n    this.#commitGroups += 1',
        replace:
          '      await file.sync().catch(() => file.sync())\n    } catch (error) {\n      await this.#abandonFile(items, error)\n      return\n    }\n    this.#commitGroups += 1',
      },
    ],
  },
  {
    name: 'expired events are handed out',
    harm: 'a reader is handed events that are older than the retention period',
    kind: 'broker',
    seedsMax: 3000,
    edits: [
      {
        file: broker('receiver.ts'),
        find: 'return first === undefined || this.#partition.retained.isAlive(first)',
        replace: 'return first === undefined || this.#partition !== null',
      },
      {
        file: broker('retained.ts'),
        find: 'return timeMs !== null && timeMs >= cutoffMs',
        replace: 'return timeMs !== null && timeMs >= cutoffMs - 60_000',
      },
    ],
  },
  {
    name: 'a clock that jumps is believed',
    harm: 'a wall clock set wrong for a moment deletes what is stored',
    kind: 'broker',
    seedsMax: 200,
    edits: [
      { file: broker('trusted-time.ts'), find: 'if (aheadMs <= jumpMsMax) {', replace: 'if (aheadMs <= Infinity) {' },
    ],
  },
  {
    name: 'a longer period brings events back',
    harm: 'events that had expired are read again after a restart',
    kind: 'broker',
    seedsMax: 3000,
    edits: [
      { file: broker('retention.ts'), find: 'if (!isLonger) return change()', replace: 'if (true) return change()' },
    ],
  },
  {
    name: 'owner level checked after delivery',
    harm: 'a displaced receiver is handed events after the new one was let in',
    kind: 'broker',
    seedsMax: 3000,
    edits: [
      {
        file: broker('receiver.ts'),
        find: '      const batches = [...(await read())]\n      if (this.#detached !== null) throw this.#detached\n',
        replace: '      const batches = [...(await read())]\n',
      },
    ],
  },
  {
    name: 'apply before durable',
    harm: 'a checkpoint that was read is gone after a crash',
    kind: 'broker',
    seedsMax: 1000,
    edits: [
      {
        file: broker('state-journal.ts'),
        find: '      await this.#append(records)\n    } catch (error) {\n      this.#ahead',
        replace:
          '      for (const record of records) apply(this.#durable, record)\n      await this.#append(records)\n    } catch (error) {\n      this.#ahead',
      },
      {
        file: broker('state-journal.ts'),
        find: '    for (const record of records) apply(this.#durable, record)\n    for (const [index,',
        replace: '    for (const [index,',
      },
    ],
  },
  {
    name: 'compare-and-set ignored',
    harm: 'two processors win the same checkpoint',
    kind: 'broker',
    seedsMax: 200,
    edits: [{ file: broker('commands.ts'), find: '  if (ifMatch === undefined) return\n', replace: '  return\n' }],
  },
  {
    name: 'enqueued time follows the wall clock back',
    harm: 'reading from a time skips events',
    kind: 'broker',
    seedsMax: 100,
    edits: [
      {
        file: broker('partition-appender.ts'),
        find: 'this.#lastTimeMs = Math.max(this.#lastTimeMs, this.#context.clock.now())',
        replace: 'this.#lastTimeMs = this.#context.clock.now()',
      },
    ],
  },
  {
    name: 'progress of Capture noted before its file',
    harm: 'events are in no file after a crash',
    kind: 'capture',
    seedsMax: 100,
    edits: [
      {
        file: capture('partition-capture.ts'),
        find: '    file.add(blocks, chunks)\n    await this.#send(() => file.target.finish(chunks, file.facts()))\n    await this.#noteWritten(file, cutSequence)',
        replace:
          '    file.add(blocks, chunks)\n    await this.#noteWritten(file, cutSequence)\n    await this.#send(() => file.target.finish(chunks, file.facts()))',
      },
    ],
  },
  {
    name: 'no cut in front of a Capture file',
    harm: 'a file that was read becomes another one after a crash',
    kind: 'capture',
    seedsMax: 500,
    edits: [
      {
        file: capture('partition-capture.ts'),
        find: '      cutSequence: blocks.position,\n      cutName: file.name,\n      windowStartMs: isEarly',
        replace: '      windowStartMs: true ? this.#windowStartMs : isEarly',
      },
      {
        file: capture('partition-capture.ts'),
        find: '      nextSequence: cutSequence,\n      cutSequence: null,',
        replace: '      nextSequence: cutSequence,\n      windowStartMs: this.windowEndMs,\n      cutSequence: null,',
      },
    ],
  },
  {
    name: 'Capture file renamed without a sync',
    harm: 'a file that counts as written is empty after a power cut',
    kind: 'capture',
    seedsMax: 200,
    edits: [
      {
        file: capture('dir-destination.ts'),
        find: '        await this.#write(file, chunks)\n        await file.sync()',
        replace: '        await this.#write(file, chunks)',
      },
    ],
  },
  {
    name: 'folders of Capture without names',
    harm: 'a file that counts as written is gone after a power cut, with its folder',
    kind: 'capture',
    seedsMax: 200,
    edits: [
      {
        file: capture('dir-destination.ts'),
        find: '      await this.#folders.sync(this.#disk, folderOf(this.#name))\n',
        replace: '',
      },
    ],
  },
  {
    name: 'compaction renamed before synced',
    harm: 'a power cut leaves a compacted segment without its content, and what it replaced is gone',
    kind: 'compaction',
    seedsMax: 500,
    edits: [
      {
        file: storage('compact-writer.ts'),
        find: '    await this.#file.sync()\n',
        replace: '',
      },
    ],
  },
  {
    name: 'compaction takes the newest',
    harm: 'a key is gone though nobody deleted it',
    kind: 'compaction',
    seedsMax: 50,
    edits: [
      {
        file: broker('compaction-keys.ts'),
        find: 'map.get(payload, reader.keyStart, reader.keyEnd) > sequence',
        replace: 'map.get(payload, reader.keyStart, reader.keyEnd) >= sequence',
      },
    ],
  },
  {
    name: 'delete markers go at once',
    harm: 'a reader that is on its way keeps a key that was deleted',
    kind: 'compaction',
    seedsMax: 200,
    edits: [
      {
        file: broker('compaction-keys.ts'),
        find: 'cleanedAtMs !== null && nowMs >= cleanedAtMs + tombstoneRetentionMs',
        replace: 'nowMs + (cleanedAtMs ?? 0) >= tombstoneRetentionMs',
      },
    ],
  },
  {
    name: 'compaction minds no lag',
    harm: 'events younger than the lag are removed',
    kind: 'compaction',
    seedsMax: 300,
    edits: [
      {
        file: broker('compaction.ts'),
        find: 'await log.findByTime(nowMs - minCompactionLagMs + 1)',
        replace: 'await log.findByTime(nowMs + 1)',
      },
    ],
  },
]
