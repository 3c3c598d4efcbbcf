// First stage of the executable. Answers `--version` at once; for everything else it takes the bundle with its warmed code
// cache from the executable's assets, or from its own folder when it runs as a plain script.
// `VERSION` is replaced when the executable is built.

'use strict'

if (process.argv[2] === '--version') {
  process.stdout.write('ehub ${VERSION}\n')
} else {
  const { Script, constants } = require('node:vm')
  const sea = require('node:sea')
  // What the screen runs would make every other command slower to load.
  const cache = ['top', 'monitor', 'ui'].includes(process.argv[2]) ? 'screen.cache' : 'app.cache'
  let source
  let cachedData
  if (sea.isSea()) {
    source = sea.getAsset('app.js', 'latin1')
    cachedData = Buffer.from(sea.getRawAsset(cache))
  } else {
    const { existsSync, readFileSync } = require('node:fs')
    source = readFileSync(`${__dirname}/app.js`, 'latin1')
    if (existsSync(`${__dirname}/${cache}`)) cachedData = readFileSync(`${__dirname}/${cache}`)
  }
  const script = new Script(source, {
    filename: 'ehub.js',
    cachedData,
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  })
  // For the test that watches over it: a rejected cache costs 40 ms and says nothing.
  if (process.env.EHUB_TEST_CACHE === '1') process.stderr.write(`code cache rejected: ${script.cachedDataRejected}\n`)
  const exported = {}
  const bundle = { exports: exported }
  script.runInThisContext()(exported, require, bundle, __filename, __dirname)
  const onFailure = (error) => {
    process.stderr.write(`${error && error.stack ? error.stack : error}\n`)
    process.exit(1)
  }
  // What is produced for the warming runs, see scripts/build.mjs. The screen gets a terminal that is none, and an end.
  if (process.env.EHUB_BUILD_CACHE) {
    const path = process.env.EHUB_BUILD_CACHE
    if (cache === 'screen.cache') {
      Object.assign(process.stdout, { isTTY: true, columns: 120, rows: 40 })
      Object.assign(process.stdin, { isTTY: true, setRawMode: () => process.stdin })
      setTimeout(() => process.emit('SIGTERM'), 1500)
    }
    process.on('exit', () => require('node:fs').writeFileSync(path, script.createCachedData()))
  }
  bundle.exports.boot(process.argv.slice(2), bundle.exports.manifest, bundle.exports.packageInfo).catch(onFailure)
}
