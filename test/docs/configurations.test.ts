import { parseDocument } from 'yaml'
import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { editorProblems, schemaLine } from '../config/editor.ts'
import { makeFolder } from '../kit/folder.ts'
import { completeConfig, inventEnvironment, ownerOf } from './configurations.ts'
import { blocksOf } from './pages.ts'

const blocks = blocksOf('yaml').map(({ where, block }) => [where, block] as const)

describe('every configuration takes effect', () => {
  it.each(blocks.filter(([, block]) => ownerOf(block) === 'tokengraph'))('%s', (_, { text }) => {
    using folder = makeFolder()
    const whole = completeConfig(text)
    folder.write('persisted.json', '{}')
    const file = folder.write('tokengraph.yaml', whole)
    expect(loadConfig({ file, env: inventEnvironment(whole) }).source).toBe('file')
  })

  it.each(blocks.filter(([, block]) => ownerOf(block) === 'tokengraph'))('in an editor, too: %s', (_, { text }) => {
    expect(text.split('\n')[0]).toBe(schemaLine)
    expect(editorProblems(completeConfig(text))).toEqual([])
  })

  it('at least one page shows one', () => {
    expect(blocks.filter(([, block]) => ownerOf(block) === 'tokengraph').length).toBeGreaterThan(5)
  })
})

describe('a file of another program is YAML and of a listed program', () => {
  it.each(blocks.filter(([, block]) => ownerOf(block) !== 'tokengraph'))('%s', (_, block) => {
    expect(ownerOf(block)).toBe('foreign')
    expect(parseDocument(block.text).errors).toEqual([])
  })
})
