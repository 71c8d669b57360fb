/** Checks the contract pages of the platforms: the same numbered sections, and errors of the closed list. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { errorCodes } from '../../src/errors.ts'
import { platforms } from '../../src/upstreams/registry.ts'
import { pages, root } from './pages.ts'

const sections = [
  'Address and credentials',
  'Calls',
  'Batches and pages',
  'Expiry and refresh',
  'Errors',
  'Rate limits',
  'Fields',
  'Not verified',
  'Sources',
]

const names = Object.keys(platforms)
const read = (name: string): string => readFileSync(join(root, 'docs/platforms', `${name}.md`), 'utf8')

/** Returns the text of a section by its number. */
function section(name: string, number: number): string {
  return read(name).split(/^## /m)[number] ?? ''
}

it('every platform has a page, and every page a platform', () => {
  const written = pages.flatMap(({ file }) => /^docs\/platforms\/(.+)\.md$/.exec(file)?.[1] ?? [])
  expect(written.toSorted()).toEqual(names.toSorted())
})

describe.each(names)('%s', (name) => {
  it('has the sections that comments cite by number', () => {
    const headings = [...read(name).matchAll(/^## (.+)$/gm)].map(([, heading]) => heading)
    expect(headings).toEqual(sections.map((title, index) => `${String(index + 1)}. ${title}`))
  })

  it('answers with codes of the closed list, and with one for what every platform has', () => {
    const codes = [...section(name, 5).matchAll(/`([A-Z][A-Z]+(?:_[A-Z]+)+)`/g)].map(([, code = '']) => code)
    expect(codes.filter((code) => !(code in errorCodes))).toEqual([])
    expect(codes).toContain('UPSTREAM_UNAVAILABLE')
    expect(section(name, 5)).toContain('empty list')
  })

  it('says where each documented field comes from', () => {
    if (name === 'vault') return
    const text = section(name, 7)
    for (const field of ['external_account_id', 'provider_user_id', 'token', 'expires_at', 'provider', 'scopes'])
      expect(text).toContain(`\`${field}\``)
  })
})
