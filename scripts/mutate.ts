/**
 * `node scripts/mutate.ts [NAME]`: changes one operator, number or word of the code that decides about refresh tokens at a
 * time, and runs its tests: what no test notices is printed. Own code in place of Stryker, whose runner supports no vitest of
 * this version. Works in copies of the tree; exit code 1 below 90 %.
 */
import { spawnSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import ts from 'typescript'

const vault = 'src/upstreams/vault'
const tests = 'test/vault'
interface Target {
  readonly file: string
  readonly tests: readonly string[]
  /** Statements of SQL are text: these words are changed in it. */
  readonly sql?: boolean
}
const targets: Readonly<Record<string, Target>> = {
  decide: { file: `${vault}/refresh/decide.ts`, tests: [`${tests}/refresh/decide.test.ts`] },
  due: {
    file: `${vault}/refresh/due.ts`,
    tests: [`${tests}/refresh/decide.test.ts`, `${tests}/refresh/years.test.ts`],
  },
  expiry: {
    file: `${vault}/answer-expiry.ts`,
    tests: [`${tests}/answer-expiry.test.ts`, `${tests}/read-answer.test.ts`],
  },
  failure: { file: `${vault}/answer-failure.ts`, tests: [`${tests}/read-answer.test.ts`] },
  leases: { file: `${vault}/refresh/leases.ts`, tests: [`${tests}/store/conformance.system.test.ts`], sql: true },
}
const SHARE = 0.9
const AT_ONCE = 2
/** A mutant that loops forever is noticed, too. */
const TIMEOUT_MS = 90_000

interface Mutant {
  readonly start: number
  readonly end: number
  readonly text: string
}

const swaps: Readonly<Record<string, string>> = {
  ...{ '<': '<=', '<=': '<', '>': '>=', '>=': '>', '===': '!==', '!==': '===', '&&': '||', '||': '&&' },
  ...{ '+': '-', '-': '+', '*': '/', '/': '*', '??': '&&' },
}
const words: readonly (readonly [RegExp, string])[] = [
  [/ = generation \+ 1/g, ' = generation'],
  [/ AND generation = \$\d+/g, ''],
  [/ AND lease_owner = \$\d+/g, ''],
  [/ AND lease_until_ms > /g, ' AND lease_until_ms < '],
  [/lease_until_ms < /g, 'lease_until_ms > '],
  [/lease_until_ms IS NULL OR /g, ''],
  [/next_attempt_ms <= /g, 'next_attempt_ms > '],
  [/state IN \('ACTIVE', 'AMBIGUOUS'\) AND /g, ''],
  [/refresh_due_ms <= /g, 'refresh_due_ms > '],
  [/ AND COALESCE\(client, ''\) = \$4/g, ''],
  [/provider = \$3 AND /g, ''],
  [/COALESCE\(attempt_started_ms, /g, 'COALESCE(NULL, '],
  [/WHEN attempt_digest = \$1 THEN/g, 'WHEN 1 = 1 THEN'],
]

function mutantsOf(text: string, sql: boolean): readonly Mutant[] {
  const found: Mutant[] = []
  const source = ts.createSourceFile('x.ts', text, ts.ScriptTarget.Latest, true)
  const add = (node: ts.Node, replacement: string): void => {
    found.push({ start: node.getStart(), end: node.getEnd(), text: replacement })
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) return
    if (ts.isTypeNode(node)) return
    if (ts.isBinaryExpression(node)) {
      const swapped = swaps[node.operatorToken.getText()]
      if (swapped !== undefined) add(node.operatorToken, swapped)
    } else if (ts.isNumericLiteral(node)) add(node, `(${node.getText()} + 1)`)
    else if (node.kind === ts.SyntaxKind.TrueKeyword) add(node, 'false')
    else if (node.kind === ts.SyntaxKind.FalseKeyword) add(node, 'true')
    else if (ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.ExclamationToken)
      add(node, node.operand.getText())
    else if (ts.isConditionalExpression(node))
      add(node, `${node.condition.getText()} ? ${node.whenFalse.getText()} : ${node.whenTrue.getText()}`)
    else if (ts.isPropertyAccessExpression(node) && /^Math\.(min|max)$/.test(node.getText()))
      add(node, node.getText() === 'Math.min' ? 'Math.max' : 'Math.min')
    else if (ts.isIfStatement(node)) add(node.expression, `!(${node.expression.getText()})`)
    ts.forEachChild(node, visit)
  }
  if (!sql) visit(source)
  else
    for (const [pattern, replacement] of words)
      for (const match of text.matchAll(pattern))
        found.push({ start: match.index, end: match.index + match[0].length, text: replacement })
  return found
}

/** A tree of its own, so that several mutants can be tried at a time. */
function copyTree(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tokengraph-mutants-'))
  const archive = spawnSync('git', ['archive', 'HEAD'], { maxBuffer: 1e9 })
  spawnSync('tar', ['-x', '-C', folder], { input: archive.stdout })
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'))
  return folder
}

async function survives(
  folder: string,
  { file, tests: files }: Target,
  text: string,
  mutant: Mutant,
): Promise<boolean> {
  writeFileSync(join(folder, file), text.slice(0, mutant.start) + mutant.text + text.slice(mutant.end))
  const vitest = resolve('node_modules/vitest/vitest.mjs')
  const child = spawn(process.execPath, [vitest, 'run', '--bail=1', ...files], {
    cwd: folder,
    stdio: 'ignore',
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
  })
  const [code] = (await once(child, 'exit')) as [number | null]
  writeFileSync(join(folder, file), text)
  return code === 0
}

const chosen = process.argv[2]
const folders = Array.from({ length: AT_ONCE }, copyTree)
let killed = 0
let total = 0
try {
  for (const [name, target] of Object.entries(targets)) {
    if (chosen !== undefined && name !== chosen) continue
    const text = readFileSync(target.file, 'utf8')
    const queue = [...mutantsOf(text, target.sql ?? false)]
    const all = queue.length
    const survivors: Mutant[] = []
    const work = async (folder: string): Promise<void> => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift())
        if (await survives(folder, target, text, next)) survivors.push(next)
    }
    await Promise.all(folders.map(work))
    killed += all - survivors.length
    total += all
    console.log(`${name}: ${String(all - survivors.length)} of ${String(all)} noticed`)
    for (const { start, end, text: replacement } of survivors.toSorted((a, b) => a.start - b.start)) {
      const line = text.slice(0, start).split('\n').length
      console.log(`  ${target.file}:${String(line)}  ${text.slice(start, end)}  →  ${replacement}`)
    }
  }
} finally {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
}
console.log(`${((killed / total) * 100).toFixed(1)} % of ${String(total)}`)
process.exitCode = killed / total >= SHARE ? 0 : 1
