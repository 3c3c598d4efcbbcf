// The official Python SDK's consumer with the blob checkpoint stores of its own packages, blocking (over requests) and asynchronous
// (over aiohttp). Needs a Python with the packages: `EHUB_PYTHON`, else `python3`; skipped with a line without one.
//   python3 -m venv py && EHUB_PYTHON=py/bin/python npm test
//   py/bin/pip install azure-eventhub azure-eventhub-checkpointstoreblob azure-eventhub-checkpointstoreblob-aio azure-storage-blob

import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { proveProcessors } from '../processors.ts'

const python = process.env['EHUB_PYTHON'] ?? 'python3'
const script = fileURLToPath(new URL('processor.py', import.meta.url))
const imports =
  'import azure.storage.blob, azure.eventhub.extensions.checkpointstoreblob, azure.eventhub.extensions.checkpointstoreblobaio'
const isPresent = spawnSync(python, ['-c', imports], { stdio: 'ignore' }).status === 0
const options = isPresent ? {} : { skip: `no Python with the checkpoint stores (${python}); see the head of this file` }

test('Python: a blocking and an asynchronous processor share, follow and go on', options, (t) =>
  proveProcessors(t, [python, script, 'sync'], [python, script, 'async']),
)
