// `inspect`: every file of a folder is told, nothing is written, and after every damage it goes on and says what is lost.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { decodeStateRecords } from '../../../src/daemon/broker/state-records.ts'
import type { InspectLine } from '../../../src/daemon/storage/inspect-line.ts'
import { inspect } from '../../../src/daemon/storage/inspect.ts'
import { NodeDisk } from '../../../src/daemon/storage/node-disk.ts'
import { nextBatch, goldenCopy, goldenKinds, openEngine, openLog } from './golden-folder.ts'

const orders = 'logs/ns1.h2/0/00000000000000000000.log'
const newest = 'logs/ns1.h2/0/00000000000000000005.log'
const journal = 'journal/00000000000000000002.wal'

async function linesOf(folder: string, path = '', kind: 'file' | 'directory' = 'directory'): Promise<InspectLine[]> {
  const lines: InspectLine[] = []
  for await (const line of inspect(new NodeDisk(folder), path, kind)) lines.push(line)
  return lines
}

function damageIn(lines: readonly InspectLine[]): string[] {
  return lines.filter(({ level }) => level === 'damage').map(({ path, detail }) => `${path}: ${detail}`)
}

function flip(folder: string, path: string, at: number): void {
  const bytes = readFileSync(join(folder, path))
  bytes[at] = (bytes[at] ?? 0) ^ 0xff
  writeFileSync(join(folder, path), bytes)
}

function allBytes(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.name} ${readFileSync(join(entry.parentPath, entry.name), 'hex')}`)
}

describe('a folder without damage', () => {
  for (const kind of goldenKinds) {
    test(`left ${kind} is told whole and not touched`, async (t) => {
      const folder = goldenCopy(t, kind)
      const before = allBytes(folder)
      const lines = await linesOf(folder)
      assert.deepEqual(damageIn(lines), [])
      const logs = lines
        .filter((line) => line.kind === 'log')
        .map(({ fields }) => [fields.log, fields.start, fields.end])
      assert.deepEqual(logs, [
        ['$state/0', 0, 5],
        ['ns1/h2/0', 2, 7],
        ['ns1/h2/1', 0, 5],
        ['raw/1023', 0, 9],
      ])
      const kinds = new Set(lines.map((line) => line.kind))
      for (const one of ['segment', 'batch', 'record', 'journal', 'group', 'row', 'index', 'entry', 'version'])
        assert.ok(kinds.has(one), one)
      assert.deepEqual(allBytes(folder), before)
    })
  }

  test('shows the state’s records, and no keys', async (t) => {
    const lines = await linesOf(goldenCopy(t, 'clean'), 'logs/$state/0')
    const records = lines.filter(({ kind }) => kind === 'record').map(({ fields }) => fields)
    assert.deepEqual(
      records.map(({ record }) => record),
      ['namespace-created', 'rule-set', 'hub-created', 'group-created', 'checkpoint-set'],
    )
    assert.deepEqual(records[2]?.value, {
      number: 2,
      namespace: 1,
      name: 'orders',
      partitionCount: 2,
      durability: 'sync',
      createdAtMs: 1_700_000_000_000,
    })
    assert.doesNotMatch(JSON.stringify(lines), /golden-(primary|secondary)/)
  })

  test('of a running daemon is read beside it', async (t) => {
    const folder = goldenCopy(t, 'clean')
    const engine = await openEngine(folder, { journalFileBytes: 8192 })
    t.after(() => engine.close())
    const log = await openLog(engine, { group: 'ns1/h2', partition: 0 }, 4096)
    for (let round = 0; round < 40; round++) {
      await log.append([nextBatch(log, Buffer.alloc(200))])
      if (round === 30) await log.trimBefore(20)
      if (round % 8 === 0) assert.deepEqual(damageIn(await linesOf(folder)), [], `round ${round}`)
    }
  })

  test('can be asked for one file, also far from its folder', async (t) => {
    const folder = goldenCopy(t, 'clean')
    assert.equal((await linesOf(folder, newest, 'file')).filter(({ kind }) => kind === 'batch').length, 2)
    writeFileSync(join(folder, 'copy'), readFileSync(join(folder, newest)))
    writeFileSync(join(folder, 'journal-copy'), readFileSync(join(folder, journal)))
    assert.equal((await linesOf(folder, 'copy', 'file')).filter(({ kind }) => kind === 'batch').length, 2)
    assert.ok((await linesOf(folder, 'journal-copy', 'file')).filter(({ kind }) => kind === 'group').length > 3)
    await assert.rejects(linesOf(folder, 'nothing', 'file'), { systemCode: 'ENOENT' })
  })
})

describe('damage', () => {
  const cases: readonly (readonly [string, (folder: string) => void, readonly string[]])[] = [
    [
      'of one batch is that batch',
      (folder) => flip(folder, orders, 1300),
      [`${orders}: sequences 2 to 2 were synced and are lost`],
    ],
    ['of a trimmed batch is none', (folder) => flip(folder, orders, 1050), []],
    [
      'of the last batch is known from the journal',
      (folder) => flip(folder, newest, 1200),
      ['logs/ns1.h2/0: sequences 6 to 6 were synced and are lost'],
    ],
    [
      'of a whole segment is what it held',
      (folder) => rmSync(join(folder, newest)),
      ['logs/ns1.h2/0: sequences 5 to 6 were synced and are lost'],
    ],
    [
      'of a whole log is what it held',
      (folder) => rmSync(join(folder, 'logs/raw'), { recursive: true }),
      ['logs/raw/1023: sequences 0 to 8 were synced and are lost'],
    ],
    [
      'of both headers is told, and the batches are read all the same',
      (folder) => {
        flip(folder, orders, 20)
        flip(folder, orders, 532)
      },
      [`${orders}: neither copy of the header is intact`],
    ],
    ['of one header is none', (folder) => flip(folder, orders, 20), []],
    ['of an index is none', (folder) => flip(folder, orders.replace('.log', '.index'), 70), []],
    ['of one version slot is none', (folder) => flip(folder, 'version', 0), []],
    ['of both is', (folder) => truncateSync(join(folder, 'version'), 100), ['version: neither slot is intact']],
    [
      'of a journal group that others follow is told',
      (folder) => flip(folder, journal, 2000),
      [`${journal}: not intact, and synced: an intact group follows`],
    ],
    ['of the last journal group is a torn tail', (folder) => flip(folder, journal, 3700), []],
    [
      'of a journal file without its head is told',
      (folder) => truncateSync(join(folder, journal), 1300),
      [`${journal}: no intact head, which was synced before the file had its name`],
    ],
    [
      'of a journal file that is gone is told',
      (folder) => rmSync(join(folder, journal)),
      ['version: the newest journal file, generation 2, is missing'],
    ],
    [
      'of a journal file cut below the end its successor names is told',
      (folder) => truncateSync(join(folder, 'journal/00000000000000000001.wal'), 5200),
      [
        'journal/00000000000000000001.wal: not intact, and synced: the next journal file says that this one went so far',
      ],
    ],
    [
      'that puts a segment in another’s place is told',
      (folder) =>
        writeFileSync(join(folder, 'logs/raw/1023/00000000000000000000.log'), readFileSync(join(folder, orders))),
      [
        'logs/raw/1023/00000000000000000000.log: it belongs to ns1/h2/0 at 0, not here',
        'logs/raw/1023: sequences 0 to 8 were synced and are lost',
      ],
    ],
  ]
  for (const [name, damage, expected] of cases) {
    test(name, async (t) => {
      const folder = goldenCopy(t, 'clean')
      damage(folder)
      const lines = await linesOf(folder)
      assert.deepEqual(damageIn(lines), expected)
      assert.ok(
        lines.some(({ path }) => path === 'logs/$state/0'),
        'the rest is told',
      )
    })
  }

  test('of a segment whose events the journal still brings in is none', async (t) => {
    const folder = goldenCopy(t, 'killed')
    assert.deepEqual(damageIn(await linesOf(folder)), [])
    const raw = (await linesOf(folder)).find(({ kind, fields }) => kind === 'log' && fields.log === 'raw/1023')
    assert.equal(raw?.fields.onlyInJournal, 9)
  })

  test('anywhere, of any byte, never ends an inspection early', async (t) => {
    const folder = goldenCopy(t, 'clean')
    const files = [
      orders,
      newest,
      journal,
      orders.replace('.log', '.index'),
      'version',
      'logs/$state/0/00000000000000000000.log',
    ]
    for (const path of files) {
      const bytes = readFileSync(join(folder, path))
      for (let at = 0; at < bytes.length; at += 61) {
        const damaged = Buffer.from(bytes)
        damaged[at] = (damaged[at] ?? 0) ^ 0xff
        writeFileSync(join(folder, path), damaged)
        assert.ok((await linesOf(folder, path, 'file')).length > 0, `${path} at ${at}`)
      }
      for (let length = 0; length < bytes.length; length += 301) {
        writeFileSync(join(folder, path), bytes.subarray(0, length))
        assert.ok((await linesOf(folder, path, 'file')).length > 0, `${path} cut to ${length}`)
      }
      writeFileSync(join(folder, path), bytes)
    }
    assert.deepEqual(damageIn(await linesOf(folder)), [])
  })
})

/** A record without fields. */
function bareRecord(code: number): Buffer {
  return Buffer.concat([Buffer.from([2, 0, 0, 0, code, 1]), Buffer.from('{}')])
}

test('docs/FORMAT.md, the broker and inspect have the same records under the same codes', async (t) => {
  const text = readFileSync(new URL('../../../docs/FORMAT.md', import.meta.url), 'utf8')
  const table = text.split('## Payload: `state`')[1]?.split('\n## ')[0] ?? assert.fail('no table')
  const documented = [...table.matchAll(/^\| (\d+) \| ([a-z]+-[a-z-]+) \|/gm)].map(([, code, name]) => ({
    code: Number(code),
    name,
  }))
  assert.ok(documented.length >= 11)
  assert.deepEqual(
    documented.map(({ code }) => code),
    [...new Set(documented.map(({ code }) => code))].toSorted((one, other) => one - other),
  )
  for (const { code, name } of documented) {
    const wanted = { code: 'storage-corrupt', message: new RegExp(`kind ${name} has other fields`) }
    assert.throws(() => decodeStateRecords(bareRecord(code), 1), wanted)
  }
  assert.throws(() => decodeStateRecords(bareRecord(200), 1), { code: 'data-folder-newer' })

  const folder = goldenCopy(t, 'clean')
  const engine = await openEngine(folder)
  const state = await openLog(engine, { group: '$state', partition: 0 })
  const payload = Buffer.concat([...documented, { code: 200 }].map(({ code }) => bareRecord(code)))
  await state.append([nextBatch(state, payload, documented.length + 1)])
  await engine.close()
  const names = (await linesOf(folder, 'logs/$state/0')).flatMap(({ fields }) => fields.record ?? [])
  assert.deepEqual(names.slice(5), [...documented.map(({ name }) => name), 'code 200'])
})
