/**
 * Lists what changed in schema.graphql since the last release, for CHANGELOG.md; fails on a breaking change. With
 * `--release` the current schema becomes the released one: the step of a release after which the list is empty.
 */
import { copyFileSync, readFileSync } from 'node:fs'
import { compareSchemas } from './compare-schemas.ts'

const current = new URL('../schema.graphql', import.meta.url)
const released = new URL('../test/tools/released.graphql', import.meta.url)

const changes = await compareSchemas(readFileSync(released, 'utf8'), readFileSync(current, 'utf8'))
for (const [level, lines] of Object.entries(changes))
  for (const line of lines as string[]) console.log(`${level}  ${line}`)
if (process.argv.includes('--release')) copyFileSync(current, released)
else if (changes.breaking.length > 0) process.exitCode = 1
