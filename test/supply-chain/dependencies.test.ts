/** CONTRIBUTING.md has every dependency in a table, with its reason, and none that there is not. */
import { expect, it } from 'vitest'
import { codeIn, rowsOf } from '../docs/tables.ts'
import { manifest } from './lockfile.ts'

const rows = rowsOf('CONTRIBUTING.md', 'package')
const listed = rows.flatMap(([names]) => codeIn(names))
const dependencies = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies })

it('lists each once, and nothing else', () => {
  expect(listed.toSorted()).toEqual(dependencies.toSorted())
})

it('says why each is there', () => {
  expect(rows.filter(([, reason = '']) => reason.length < 9)).toEqual([])
})
