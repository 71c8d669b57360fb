/**
 * Measures the structure of src/: files and their lengths, files that exactly one other file imports, exports, and the
 * imports between folders.
 *
 *   node scripts/measure-structure.ts
 */
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

const files = globSync('src/**/*.ts').map((file) => file.replaceAll('\\', '/'))
const importers = new Map<string, Set<string>>(files.map((file) => [file, new Set()]))
const edges = new Map<string, number>()
let exported = 0

/** `src/upstreams/clerk/api.ts` → `upstreams`; a file of the root stands for itself. */
function folderOf(file: string): string {
  const [, folder = '', ...rest] = file.split('/')
  return rest.length === 0 ? 'src' : folder
}

for (const file of files) {
  const text = readFileSync(file, 'utf8')
  exported += text.match(/^export (?!\*|\{|type \{)/gm)?.length ?? 0
  for (const [, specifier = ''] of text.matchAll(/\b(?:from|import\()\s*'(\.[^']+)'/g)) {
    const target = normalize(join(dirname(file), specifier))
    importers.get(target)?.add(file)
    const edge = `${folderOf(file)} → ${folderOf(target)}`
    if (folderOf(file) !== folderOf(target)) edges.set(edge, (edges.get(edge) ?? 0) + 1)
  }
}

const lengths = files.map((file) => readFileSync(file, 'utf8').split('\n').length - 1).sort((a, b) => a - b)
const at = (share: number): number => lengths[Math.floor((lengths.length - 1) * share)] ?? 0
const single = [...importers.values()].filter(({ size }) => size === 1).length
console.log(`files ${files.length}, lines ${lengths.reduce((sum, length) => sum + length, 0)}`)
console.log(
  `median ${at(0.5)}, p90 ${at(0.9)}, largest ${at(1)}, under 40 lines ${lengths.filter((n) => n < 40).length}`,
)
console.log(`files with one importer ${single}, exports ${exported}`)
console.log(`edges between folders ${edges.size}, imports over them ${[...edges.values()].reduce((a, b) => a + b, 0)}`)
