// Lets Ink into the one CommonJS bundle, which has no top-level await. Two places need it: Ink connects to developer tools that we
// do not ship, and yoga compiles WebAssembly while it loads. The first is taken out, the second becomes a promise that the
// screen awaits before it loads Ink (src/tui/load-yoga.ts). And yoga asks `fetch` for what it has in itself, which loads an HTTP client for
// 40 ms of CPU: that is taken out, too. All are tied to pinned versions and fail the build when they no longer fit.

import { readFileSync } from 'node:fs'

const developmentBlocks = [
  /if \(process\.env\['DEV'\] === 'true'\) \{\n {4}\/\/ Intentionally no warning[\s\S]*?\n\}\n/,
  /if \(process\.env\['DEV'\] === 'true'\) \{\n {4}try \{\n {8}const loaded[\s\S]*?\n\}\n/,
]

export const inkPlugin = {
  name: 'ink',
  setup(build) {
    build.onLoad({ filter: /[\\/]ink[\\/]build[\\/]reconciler\.js$/ }, ({ path }) => {
      const contents = developmentBlocks.reduce(
        (text, block) => {
          if (!block.test(text)) throw new Error(`${path} is not the Ink this build knows: see scripts/build-ink.mjs`)
          return text.replace(block, '')
        },
        readFileSync(path, 'utf8'),
      )
      return { contents, loader: 'js' }
    })
    build.onLoad({ filter: /yoga-wasm-base64-esm\.js$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8')
      const contents = text.replaceAll('"function"!=typeof fetch', 'true')
      if (contents.length !== text.length - 2 * ('"function"!=typeof fetch'.length - 'true'.length)) {
        throw new Error(`${path} is not the yoga this build knows: see scripts/build-ink.mjs`)
      }
      return { contents, loader: 'js' }
    })
    build.onResolve({ filter: /^yoga-layout$/ }, () => ({ path: 'yoga-layout', namespace: 'ehub-yoga' }))
    build.onLoad({ filter: /.*/, namespace: 'ehub-yoga' }, () => ({
      contents: [
        "import { loadYoga } from 'yoga-layout/load'",
        "export * from 'yoga-layout/load'",
        'let yoga',
        'export const yogaReady = loadYoga().then((loaded) => { yoga = loaded })',
        'export { yoga as default }',
      ].join('\n'),
      loader: 'js',
      resolveDir: process.cwd(),
    }))
  },
}
