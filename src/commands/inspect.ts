import { existsSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { Args } from '@oclif/core'
import { EhubError } from '../base/error.ts'
import { escapeText } from '../base/escape-text.ts'
import { BaseCommand } from '../cli/base-command.ts'
import { StdoutWriter } from '../cli/stdout-writer.ts'
import { projectError } from '../wire/errors.ts'

const pendingBytesMax = 256 * 1024

export default class Inspect extends BaseCommand {
  static override summary = 'Print what lies in a data folder or a file of it: segments, journal, indexes, state.'
  static override description = [
    'Reads only, needs no daemon, works beside a running one, and goes on after every damage. docs/FORMAT.md explains the',
    'fields. Events are not shown, keys are hidden. Exit code 12 when something is damaged, 5 when nothing is there.',
  ].join('\n')
  static override examples = [
    '<%= config.bin %> inspect ~/.local/share/ehub',
    '<%= config.bin %> inspect ~/.local/share/ehub/logs/ns1.h2/0 --json | jq \'select(.level == "damage")\'',
  ]
  static override args = {
    path: Args.string({ required: true, description: 'A data folder, or any folder or file of it.' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Inspect)
    const { root, path, kind } = locate(args.path)
    const [{ inspect }, { NodeDisk }] = await Promise.all([
      import('../daemon/storage/inspect.ts'),
      import('../daemon/storage/node-disk.ts'),
    ])
    const writer = new StdoutWriter(process.stdout)
    const counts = { ok: 0, note: 0, damage: 0 }
    let lastPath: string | null = null
    try {
      for await (const line of inspect(new NodeDisk(root), path, kind)) {
        counts[line.level] += 1
        const { fields, ...rest } = line
        if (flags.json) writer.write(`${JSON.stringify({ ...rest, ...fields }, plain)}\n`)
        else {
          if (line.path !== lastPath) writer.write(`${escapeText(line.path === '' ? '.' : line.path)}\n`)
          lastPath = line.path
          writer.write(`${escapeText(textOf(line))}\n`)
        }
        await writer.drained(pendingBytesMax)
        if (writer.isClosed) return
      }
      await writer.drained()
    } finally {
      writer.dispose()
    }
    this.output.note(
      counts.damage > 0
        ? `${counts.damage} damaged places, ${counts.note} notes`
        : `nothing is damaged, ${counts.note} notes`,
    )
    if (counts.damage > 0) process.exitCode = projectError('integrity').exit
  }
}

interface Line {
  readonly kind: string
  readonly level: string
  readonly at: number | null
  readonly to: number | null
  readonly detail: string | null
  readonly fields: Readonly<Record<string, unknown>>
}

/** `  1024-1117 batch sequence=5 count=1 …`, with what is wrong behind. */
function textOf({ kind, level, at, to, detail, fields }: Line): string {
  const place = at === null ? '' : to === null ? String(at) : `${at}-${to}`
  const pairs = Object.entries(fields).map(([name, value]) => `${name}=${valueText(value)}`)
  const remark = detail === null ? [] : [`${level}: ${detail}`]
  return [`  ${place.padStart(15)} ${kind}`, ...pairs, ...remark].join(' ')
}

function valueText(value: unknown): string {
  if (value === null) return '-'
  return typeof value === 'string' && /^[^\s"]+$/.test(value) ? value : JSON.stringify(value, plain)
}

/** What no number of JSON can be is a damaged field. */
function plain(_name: string, value: unknown): unknown {
  return value === Infinity ? 'out of range' : value
}

interface Located {
  /** The data folder the path belongs to, else the folder itself or the one around the file. */
  readonly root: string
  readonly path: string
  readonly kind: 'file' | 'directory'
}

function locate(given: string): Located {
  try {
    const full = realpathSync(given)
    const kind = statSync(full).isDirectory() ? 'directory' : 'file'
    for (let folder = kind === 'directory' ? full : dirname(full); ; folder = dirname(folder)) {
      // What the journal knows belongs to the judgement of every segment.
      if (existsSync(join(folder, 'journal')) && existsSync(join(folder, 'logs')))
        return { root: folder, path: relative(folder, full), kind }
      if (folder === dirname(folder)) break
    }
    return kind === 'directory' ? { root: full, path: '', kind } : { root: dirname(full), path: basename(full), kind }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw new EhubError('file-not-found', `there is no file or folder "${given}"`, { cause: error })
    throw new EhubError('data-folder-unusable', `"${given}" cannot be read: ${(error as Error).message}`, {
      cause: error,
    })
  }
}
