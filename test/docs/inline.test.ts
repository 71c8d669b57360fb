/** Checks commands within sentences: their names and options exist. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { run } from '../kit/process.ts'
import { pages, root } from './pages.ts'

const found = pages.flatMap(({ file, code }) => code.map((text) => ({ file, text })))
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> }

it('every npm script that a page names exists', () => {
  const named = found.flatMap(({ file, text }) =>
    [...text.matchAll(/npm run (?:-s )?([a-z:]+)/g)].map(([, name = '']) => ({ file, name })),
  )
  expect(named.length).toBeGreaterThan(3)
  expect(named.filter(({ name }) => !(name in scripts))).toEqual([])
})

const commands = [
  ...new Set(
    found.flatMap(({ text }) => /^(?:npm run (?:-s )?tokengraph -- |tokengraph )([a-z].*)$/.exec(text)?.[1] ?? []),
  ),
]

it.each(commands)('tokengraph %s', async (text) => {
  const words = text.split(' ')
  const options = words.filter((word) => word.startsWith('--'))
  const firstOther = words.findIndex((word) => !/^[a-z][a-z-]*$/.test(word))
  const names = firstOther === -1 ? words : words.slice(0, firstOther)
  const { code, stdout } = await run([...names, '--help'], { cwd: root })
  expect(code).toBe(0)
  // An unknown command would print the help of its parent.
  expect(stdout).toContain(`Usage: tokengraph ${names.join(' ')}`)
  // Every command takes that one: it is an option of the program.
  expect(options.filter((option) => option !== '--env-file' && !stdout.includes(option))).toEqual([])
})
