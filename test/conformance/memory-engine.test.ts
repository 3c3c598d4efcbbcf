import { MemoryEngine } from '../../src/daemon/storage/memory-engine.ts'
import { compactContract } from './compact-contract.ts'
import { logContract } from './log-contract.ts'

logContract('the memory engine', () => Promise.resolve({ engine: new MemoryEngine(), reopen: null }))

compactContract('the memory engine', () => Promise.resolve({ engine: new MemoryEngine(), reopen: null }))
