// The way from the NBD server to a folder: nbdfuse shows the export as a file, a loop device with direct I/O (no cache of its
// own) makes a block device of it, ext4 is mounted from there. After a cut everything is taken down before the power comes
// back, or the kernel would write its cached pages back and hide the loss.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const execute = promisify(execFile)
/** Blocks and waits for nothing longer than this. */
const toolMsMax = 60_000

const needs = [
  { program: 'nbdfuse', from: 'libnbd-bin' },
  { program: 'fusermount3', from: 'fuse3' },
  { program: 'losetup', from: 'mount' },
  { program: 'mkfs.ext4', from: 'e2fsprogs' },
  { program: 'e2fsck', from: 'e2fsprogs' },
]

/** What this machine lacks for a mounted NBD disk, in words; null: nothing. */
export function missingForMount(): string | null {
  if (process.getuid?.() !== 0) return 'mounting a file system needs root'
  if (!existsSync('/dev/fuse')) return 'the kernel offers no /dev/fuse'
  if (!existsSync('/dev/loop-control')) return 'the kernel offers no loop devices (/dev/loop-control)'
  const folders = (process.env['PATH'] ?? '').split(':').concat('/usr/sbin', '/sbin')
  const missing = needs.filter(({ program }) => !folders.some((folder) => existsSync(join(folder, program))))
  if (missing.length === 0) return null
  const names = missing.map(({ program, from }) => `${program} (Debian package ${from})`)
  return `not installed: ${names.join(', ')}`
}

export interface Check {
  /** Exit code of `e2fsck -p`, which replays the journal: 0 or 1. */
  readonly replay: number
  /** Exit code of a full check that changes nothing: 0 is clean. */
  readonly full: number
  readonly output: string
}

export class MountedDisk {
  /** Where the file system is while it is mounted. */
  readonly mountPoint: string
  readonly #socketPath: string
  readonly #fuse: string
  #nbdfuse: ChildProcess | null = null
  #loop: string | null = null
  #isMounted = false

  constructor(folder: string, socketPath: string) {
    this.mountPoint = join(folder, 'mnt')
    this.#fuse = join(folder, 'fuse')
    this.#socketPath = socketPath
    mkdirSync(this.mountPoint)
    mkdirSync(this.#fuse)
  }

  /** The block device, without its file system mounted. */
  async attach(): Promise<void> {
    const uri = `nbd+unix:///?socket=${this.#socketPath}`
    const child = spawn('nbdfuse', [join(this.#fuse, 'disk'), uri], { stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-2000)
    })
    this.#nbdfuse = child
    while (!isFile(join(this.#fuse, 'disk'))) {
      if (child.exitCode !== null) throw new Error(`nbdfuse ended with ${child.exitCode}: ${said}`)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    const { stdout } = await tool('losetup', ['--find', '--show', '--direct-io=on', join(this.#fuse, 'disk')])
    this.#loop = stdout.trim()
    const { stdout: direct } = await tool('losetup', ['--noheadings', '--output', 'DIO', this.#loop])
    if (direct.trim() !== '1') throw new Error('the loop device has a cache of its own: no direct I/O')
  }

  async format(): Promise<void> {
    await tool('mkfs.ext4', ['-q', '-m', '0', '-E', 'nodiscard,lazy_itable_init=0,lazy_journal_init=0', this.#device])
  }

  async check(): Promise<Check> {
    const replay = await exitCodeOf('e2fsck', ['-p', this.#device])
    const full = await exitCodeOf('e2fsck', ['-f', '-n', this.#device])
    return { replay: replay.code, full: full.code, output: `${replay.output}\n${full.output}` }
  }

  /** Mends what a full check finds; for a disk that failed requests, whose file system may rightly be harmed. */
  async mend(): Promise<void> {
    const { code, output } = await exitCodeOf('e2fsck', ['-f', '-y', this.#device])
    if (code > 2) throw new Error(`e2fsck -f -y ended with ${code}: ${output}`)
  }

  async mount(): Promise<void> {
    await tool('mount', ['-t', 'ext4', '-o', 'noatime', this.#device, this.mountPoint])
    this.#isMounted = true
  }

  /** Takes everything down, whatever the state of the disk; nobody may use the folder any more. */
  async detach(): Promise<void> {
    if (this.#isMounted) {
      await retried(() => tool('umount', [this.mountPoint]))
      this.#isMounted = false
    }
    if (this.#loop !== null) {
      await retried(() => tool('losetup', ['--detach', this.#device]))
      await gone(async () => !(await tool('losetup', ['--all'])).stdout.includes(`${this.#device}:`))
      this.#loop = null
    }
    const child = this.#nbdfuse
    if (child !== null) {
      if (child.exitCode === null) {
        const ended = once(child, 'exit')
        await retried(() => tool('fusermount3', ['-u', this.#fuse]))
        await ended
      }
      this.#nbdfuse = null
    }
  }

  get #device(): string {
    if (this.#loop === null) throw new Error('the disk is not attached')
    return this.#loop
  }
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile()
  } catch {
    return false
  }
}

function tool(program: string, args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` }
  return execute(program, args, { timeout: toolMsMax, env })
}

async function exitCodeOf(program: string, args: readonly string[]): Promise<{ code: number; output: string }> {
  try {
    const { stdout } = await tool(program, args)
    return { code: 0, output: stdout }
  } catch (error) {
    const { code, stdout = '', stderr = '' } = error as { code?: unknown; stdout?: string; stderr?: string }
    if (typeof code !== 'number') throw error
    return { code, output: `${stdout}${stderr}` }
  }
}

/** Processes that have just ended may hold a folder for a moment longer. */
async function retried(attempt: () => Promise<unknown>): Promise<void> {
  for (let left = 100; ; left--) {
    try {
      await attempt()
      return
    } catch (error) {
      if (left === 0) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

async function gone(isGone: () => Promise<boolean>): Promise<void> {
  await retried(async () => {
    if (!(await isGone())) throw new Error('the loop device is still attached')
  })
}
