// The table of error codes in docs/PROTOCOLS.md, made from `wire/errors.ts`. With `--write` it is put into the document.

import { readFileSync, writeFileSync } from 'node:fs'
import { errorCodes } from '../../../../src/base/error.ts'
import { projectError } from '../../../../src/wire/errors.ts'

const document = new URL('../../../../docs/PROTOCOLS.md', import.meta.url)
const begin = '<!-- generated: node test/daemon/protocols/amqp/error-table.ts --write -->\n'
const end = '<!-- end -->'

export function errorTable(): string {
  const rows = errorCodes.map((code) => {
    const { amqp, http, exit, isRetryable } = projectError(code)
    return `| \`${code}\` | \`${amqp}\` | ${http} | ${exit} | ${isRetryable ? 'yes' : ''} |\n`
  })
  return `| code | AMQP condition | HTTP | exit code | retryable |\n|---|---|---|---|---|\n${rows.join('')}`
}

/** The document as it is, and as it should be. */
export function protocolsDocument(): { readonly is: string; readonly shouldBe: string } {
  const is = readFileSync(document, 'utf8')
  const from = is.indexOf(begin) + begin.length
  return { is, shouldBe: is.slice(0, from) + errorTable() + is.slice(is.indexOf(end, from)) }
}

if (process.argv.includes('--write')) writeFileSync(document, protocolsDocument().shouldBe)
