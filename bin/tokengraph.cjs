#!/usr/bin/env node
'use strict'
// Says which Node is needed, in words that older ones can parse: they fail at the imports of the command line.
var needed = require('../package.json').engines.node.replace('>=', '')
var parts = needed.split('.').map(Number)
var own = process.versions.node.split('.').map(Number)
if (own[0] > parts[0] || (own[0] === parts[0] && own[1] >= parts[1])) {
  import('../dist/cli.js')
} else {
  process.stderr.write('tokengraph needs Node ' + needed + ' or later; this is Node ' + process.versions.node + '.\n')
  process.exitCode = 3
}
