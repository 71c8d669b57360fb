import { existsSync } from 'node:fs'
import { join, normalize } from 'node:path'
import { describe, expect, it } from 'vitest'
import { pages, readPage, root } from './pages.ts'

/** Returns what is wrong with a link, or null. */
function problemOf(from: string, target: string): string | null {
  if (/^[a-z]+:/.test(target)) return target.startsWith('https://') ? null : `${target} is not https`
  const [path = '', anchor] = target.split('#')
  const file = path === '' ? from : normalize(join(from, '..', path))
  if (file.startsWith('..') || !existsSync(join(root, file))) return `${target}: there is no ${file}`
  if (anchor === undefined) return null
  return readPage(file).anchors.has(anchor) ? null : `${target}: ${file} has no heading for #${anchor}`
}

describe('every link leads somewhere', () => {
  it.each(pages.map((page) => [page.file, page] as const))('%s', (file, { links }) => {
    expect(links.flatMap((target) => problemOf(file, target) ?? [])).toEqual([])
  })

  it('finds links, and notices broken ones', () => {
    expect(pages.flatMap(({ links }) => links).length).toBeGreaterThan(40)
    expect(problemOf('docs/errors.md', 'nowhere.md')).toMatch('there is no')
    expect(problemOf('docs/errors.md', '../README.md#no-such-heading')).toMatch('no heading')
  })
})

describe('a reader finds every page', () => {
  const reached = (from: string): string[] =>
    readPage(from).links.map((target) => normalize(join(from, '..', target.replace(/#.*/, ''))))
  const names = pages.map(({ file }) => file)
  /** Folders of pages, with the page that lists them. */
  const indexes = { 'docs/platforms/': 'docs/platforms.md', 'docs/adr/': 'docs/adr/README.md' }
  const listed = Object.entries(indexes).flatMap(([folder, index]) =>
    names.filter((file) => file.startsWith(folder) && file !== index).map((file) => ({ file, index })),
  )
  const documents = names.filter(
    (file) => file.startsWith('docs/') && file !== 'docs/README.md' && !listed.some((each) => each.file === file),
  )
  const examples = names.filter((file) => file.startsWith('examples/'))

  it('in one step from the README', () => {
    expect([...documents, ...examples].filter((file) => !reached('README.md').includes(file))).toEqual([])
  })

  it('in one step from docs/', () => {
    expect([...documents, ...examples].filter((file) => !reached('docs/README.md').includes(file))).toEqual([])
  })

  it('in one more step from the page that lists its folder', () => {
    expect(listed.length).toBeGreaterThan(25)
    expect(listed.filter(({ file, index }) => !reached(index).includes(file))).toEqual([])
  })
})
