// First stage of the executable. Answers `--version` at once; for everything else it takes the bundle with its warmed code
// cache from the executable's assets, or from its own folder when it runs as a plain script.
// `VERSION` is replaced when the executable is built.

'use strict'

if (process.argv[2] === '--version') {
  process.stdout.write('ehub ${VERSION}\n')
} else {
  const { Script, constants } = require('node:vm')
  const sea = require('node:sea')
  let source
  let cachedData
  if (sea.isSea()) {
    source = sea.getAsset('app.js', 'latin1')
    cachedData = Buffer.from(sea.getRawAsset('app.cache'))
  } else {
    const { existsSync, readFileSync } = require('node:fs')
    source = readFileSync(`${__dirname}/app.js`, 'latin1')
    if (existsSync(`${__dirname}/app.cache`)) cachedData = readFileSync(`${__dirname}/app.cache`)
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
  // What is produced for the warming run, see scripts/build.mjs.
  if (process.env.EHUB_BUILD_CACHE) {
    const path = process.env.EHUB_BUILD_CACHE
    process.on('exit', () => require('node:fs').writeFileSync(path, script.createCachedData()))
  }
  bundle.exports.boot(process.argv.slice(2), bundle.exports.manifest, bundle.exports.packageInfo).catch(onFailure)
}
