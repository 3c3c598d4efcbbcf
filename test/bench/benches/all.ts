// Every bench, in the order they run.

import type { Bench } from '../frame/context.ts'
import { machine } from './machine.ts'

export const benches: readonly Bench[] = [machine]
