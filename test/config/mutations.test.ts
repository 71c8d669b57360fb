/** Property: any file gives a Config or a ConfigError, and a problem never shows a secret. */
import { writeFileSync } from 'node:fs'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ConfigError, loadConfig } from '../../src/config/load.ts'
import { parseConfigText } from '../../src/config/yaml.ts'
import { fullSample, env as secrets, writeConfig } from './sample.ts'

const pieces = [
  '\n',
  '\n  ',
  '\t',
  ' ',
  '{',
  '}',
  '[',
  ']',
  ':',
  ': ',
  ',',
  '"',
  "'",
  '#',
  '- ',
  '*a',
  '&a ',
  '!t ',
  '|\n',
  '? ',
  '---\n',
  '%',
  '${',
  '$${',
  '${CLERK_SECRET_KEY}',
  '${VAULT_KEY}',
  '${NOPE}',
  'null',
  '0',
  'true',
  '__proto__',
  '<<: *a',
  '\uE000',
  '\u0000',
]

const edit = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  remove: fc.nat({ max: 12 }),
  insert: fc.oneof(fc.constantFrom(...pieces), fc.string({ maxLength: 4 })),
})

function applyEdits(text: string, edits: readonly { at: number; remove: number; insert: string }[]): string {
  return edits.reduce((current, { at, remove, insert }) => {
    const start = Math.floor(at * current.length)
    return current.slice(0, start) + insert + current.slice(start + remove)
  }, text)
}

function expectNoSecret(text: string): void {
  for (const value of Object.values(secrets)) expect(text).not.toContain(value)
}

/**
 * What came out of the file, as text, or a failure of the test. A valid configuration may show the value of a
 * variable that the operator used as a path or a name; a problem never shows one.
 */
function outcomeOf(file: string): string {
  try {
    return inspect(loadConfig({ file, env: secrets }), { depth: null })
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    expect(error.problems.length).toBeGreaterThan(0)
    expect(error.message.split('\n')).toHaveLength(error.problems.length)
    const shown = inspect(error, { depth: null })
    expectNoSecret(shown)
    return shown
  }
}

describe('a file with random mistakes', () => {
  const text = fullSample

  it('never crashes with anything but a ConfigError', () => {
    const file = writeConfig('')
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 6 }), (edits) => {
        writeFileSync(file, applyEdits(text, edits))
        outcomeOf(file)
      }),
      { numRuns: 300 },
    )
  })

  it('never shows a secret in a problem, wherever its variable ends up', () => {
    const file = writeConfig('')
    const places = [...text.matchAll(/: ([^\s{[,]+)/g)].map((match) => [match.index + 2, match[1]!.length] as const)
    fc.assert(
      fc.property(fc.constantFrom(...places), fc.array(edit, { maxLength: 3 }), ([start, length], edits) => {
        const moved = `${text.slice(0, start)}\${VAULT_KEY}${text.slice(start + length)}`
        writeFileSync(file, applyEdits(moved, edits))
        outcomeOf(file)
      }),
      { numRuns: 300 },
    )
  })

  it('keeps every line and column where it was while variables are hidden', () => {
    const source = parseConfigText(text, 'sample', secrets)
    expect(source.place(['upstreams', 'clerk', 'base_url'], 'key')).toMatchObject({
      line: 5,
      column: text.split('\n')[4]!.indexOf('base_url') + 1,
    })
  })
})

it('does not show a secret that was put where an id belongs', () => {
  const keys = 'keys: [ { id: ${VAULT_KEY}, secret: ${VAULT_KEY} }, { id: ${VAULT_KEY}, secret: ${VAULT_KEY} } ]'
  const file = writeConfig(fullSample.replace(/keys: \[.*\]/, keys))
  const outcome = outcomeOf(file)
  expect(outcome).toContain('two keys have the same id')
  expectNoSecret(outcome)
})
