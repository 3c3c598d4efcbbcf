// The official Go SDK's processor with its blob checkpoint store. Needs a Go tool chain that can get the modules; asked for by its
// name, since the first build takes a minute:
//   EHUB_GO=go npm test

import { test } from 'node:test'
import { buildGo } from '../go.ts'
import { proveProcessors } from '../processors.ts'

const { program, options } = buildGo(new URL('.', import.meta.url))

test('Go: two processors share, follow and go on', options, (t) => proveProcessors(t, [program], [program]))
