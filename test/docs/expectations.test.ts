/** docs/expectations.md: every finding has a row, every row an answer, and what it names is there. */
import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const root = new URL('../../', import.meta.url)
const text = readFileSync(new URL('docs/expectations.md', root), 'utf8')
const rows = text.split('\n').flatMap((line) => {
  const cells = line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, ''))
  return /^\| (?!-|expectation|\|)/.test(line) ? [cells] : []
})

test('every one of the 46 findings has a row', () => {
  const found = rows.flatMap(([name = '']) => /^U(\d+)$/.exec(name)?.[1] ?? []).map(Number)
  expect(found).toEqual(Array.from({ length: 46 }, (_, n) => n + 1))
})

test('every row says what there is, or why there is not', () => {
  expect(rows.length).toBeGreaterThan(70)
  for (const row of rows) {
    const [where = '', answer = ''] = row.toReversed()
    expect(['**has**', 'lacks'], row.join()).toContain(answer)
    expect(where.length, row.join()).toBeGreaterThan(10)
  }
})

test('every path and every npm script that it names is there', () => {
  const { scripts } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as { scripts: object }
  const named = [...text.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name)
  const paths = named.filter((name) => /^(?:test|deploy|examples)\//.test(name))
  expect(paths.length).toBeGreaterThan(40)
  expect(paths.filter((path) => !existsSync(new URL(path, root)))).toEqual([])
  for (const name of named.flatMap((each) => /^npm run ([a-z:]+)$/.exec(each)?.[1] ?? []))
    expect(Object.keys(scripts)).toContain(name)
})
