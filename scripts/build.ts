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
import ts from 'typescript'
import { bundle, root } from './bundle.ts'

const { values: flags } = parseArgs({
  options: {
    out: { type: 'string', default: join(root, 'dist') },
    check: { type: 'boolean', default: true },
    types: { type: 'boolean', default: true },
  },
  allowNegative: true,
})
const target = resolve(flags.out)

function writeTypes(): void {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.build.json'), (path) => ts.sys.readFile(path)) as {
    config: object
  }
  const { options, fileNames } = ts.parseJsonConfigFileContent(config, ts.sys, root)
  const program = ts.createProgram(fileNames, { ...options, outDir: target, noCheck: !flags.check })
  const { diagnostics } = program.emit(undefined, undefined, undefined, true)
  const problems = [...(flags.check ? ts.getPreEmitDiagnostics(program) : []), ...diagnostics]
  if (problems.length > 0) throw new Error(ts.formatDiagnostics(problems, formatHost))
}

const formatHost: ts.FormatDiagnosticsHost = {
  getCurrentDirectory: () => root,
  getCanonicalFileName: (name) => name,
  getNewLine: () => '\n',
}

rmSync(target, { recursive: true, force: true })
if (flags.types) writeTypes()
await bundle(target)
