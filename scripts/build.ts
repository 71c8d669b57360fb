/**
 * The package out of the sources: `npm run build`. Its JavaScript is bundled, and each of our modules has its types.
 *
 *   node scripts/build.ts [--out FOLDER] [--no-check | --no-types]
 *
 * `--no-check` writes the types without looking for errors, which `npm run check` does; `--no-types` writes none.
 */
import { rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { bundle, root } from './bundle.ts'
import { writeTypes } from './types.ts'

const { values: flags } = parseArgs({
  options: {
    out: { type: 'string', default: join(root, 'dist') },
    check: { type: 'boolean', default: true },
    types: { type: 'boolean', default: true },
  },
  allowNegative: true,
})
const target = resolve(flags.out)

rmSync(target, { recursive: true, force: true })
// The compiler is a process of its own.
await Promise.all([flags.types ? writeTypes(target, flags.check) : null, bundle(target)])
