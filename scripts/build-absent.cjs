// Stands in for libraries that are left out of the executable: optional ones, and those oclif uses to look for commands and
// plugins on disk, check its Node version and tell Windows' Linux from others. They cost the start 6 ms and do nothing here.

exports.satisfies = () => true // semver: the executable brings its Node along
exports.isWsl = false // wsl-utils
