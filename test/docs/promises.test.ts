/** Checks the promises: every promise has a number, a text, and existing tests or the work that will bring it. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { root } from './pages.ts'
import { codeIn, rowsOf } from './tables.ts'

const rows = rowsOf('docs/promises.md', 'number')

it('numbers R1 to R14 and S1 to S19, each once and in order', () => {
  const expected = [
    ...Array.from({ length: 14 }, (_, n) => `R${String(n + 1)}`),
    ...Array.from({ length: 19 }, (_, n) => `S${String(n + 1)}`),
  ]
  expect(rows.map(([number]) => number)).toEqual(expected)
})

describe.each(rows.map(([number = '', promise = '', held = '']) => ({ number, promise, held })))(
  '$number',
  ({ number, promise, held }) => {
    it('says what it promises', () => {
      expect(promise.length).toBeGreaterThan(40)
    })

    it('names existing tests, or the work that will bring it', () => {
      const files = codeIn(held).filter((code) => /^(test|scripts)\//.test(code))
      if (files.length === 0) expect(held, number).toMatch(/^not yet held: \w+/)
      for (const file of files) {
        expect(existsSync(join(root, file)), file).toBe(true)
        if (file.startsWith('test/'))
          expect(readFileSync(join(root, file), 'utf8'), file).toMatch(/\b(it|test)(\.\w+)?\(/)
      }
    })
  },
)
