// A reporter for node:test that only counts: one JSON line at the end, which scripts/test.mjs adds up over all groups.

export default async function* countReporter(source) {
  const counts = { passed: 0, failed: 0, skipped: 0, skips: [] }
  for await (const event of source) {
    if (event.type !== 'test:pass' && event.type !== 'test:fail') continue
    // Suites report too; only leaves are tests.
    if (event.data.details?.type === 'suite') continue
    if (event.type === 'test:fail') counts.failed++
    else if (event.data.skip !== undefined) {
      counts.skipped++
      counts.skips.push(`${event.data.name}${typeof event.data.skip === 'string' ? `: ${event.data.skip}` : ''}`)
    } else counts.passed++
  }
  yield `${JSON.stringify(counts)}\n`
}
