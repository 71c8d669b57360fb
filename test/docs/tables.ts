/** Reads the tables of a page. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './pages.ts'

/** Returns the rows, as lists of cells, of every table whose first column has this heading. */
export function rowsOf(file: string, firstHeading: string): readonly (readonly string[])[] {
  const rows: string[][] = []
  let isWanted = false
  for (const line of readFileSync(join(root, file), 'utf8').split('\n')) {
    if (!line.startsWith('|')) {
      isWanted = false
      continue
    }
    const cells = line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim())
    if (cells[0] === firstHeading) isWanted = true
    else if (isWanted && !/^-+$/.test(cells[0] ?? '')) rows.push(cells)
  }
  return rows
}

/** Returns the code spans of a cell. */
export function codeIn(cell: string | undefined): string[] {
  return [...(cell ?? '').matchAll(/`([^`]+)`/g)].map(([, code = '']) => code)
}
