/** Checks the threat model: every row names an attacker, a way in, what stops it, and existing tests. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { root } from './pages.ts'
import { codeIn, rowsOf } from './tables.ts'

const rows = rowsOf('SECURITY.md', 'attacker')

it('has rows', () => {
  expect(rows.length).toBeGreaterThan(20)
})

it.each(rows.map((row) => [`${row[0] ?? ''}: ${row[1] ?? ''}`, row] as const))('%s', (_, row) => {
  expect(row.map((cell) => cell !== '')).toEqual([true, true, true, true])
  const tests = codeIn(row[3])
  expect(tests).not.toEqual([])
  for (const file of tests) {
    expect(file).toMatch(/^test(?:\/[a-z-]+)+\/[a-z0-9.-]+\.test\.ts$/)
    expect(existsSync(join(root, file)), file).toBe(true)
    expect(readFileSync(join(root, file), 'utf8'), file).toMatch(/\b(it|test)(\.each)?\(/)
  }
})

it('the files that it names beside the table exist', () => {
  const named = codeIn(readFileSync(join(root, 'SECURITY.md'), 'utf8')).filter((code) =>
    /^(test|src|docs)\//.test(code),
  )
  expect(named.filter((file) => !existsSync(join(root, file)))).toEqual([])
})
