import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { configErrorOf, minimal, problemsOf, writeConfig } from './sample.ts'

describe('what is no YAML mapping', () => {
  it.each([
    ['an empty file', '', ['1:1 : the file is empty; expected a mapping']],
    ['only comments', '# nothing\n\n', ['1:1 : the file is empty; expected a mapping']],
    ['a list', '\n- a\n', ['2:1 : expected a mapping of keys to values']],
    ['a word', 'tokengraph', ['1:1 : expected a mapping of keys to values']],
    ['a tab as indentation', 'listen:\n\tport: 1\n', ['2:1 : tabs cannot indent; use spaces']],
    [
      'two documents',
      `${minimal}---\nmode: production\n`,
      [expect.stringMatching(/^5:1 : the file holds more than one document/)],
    ],
    [
      'an open bracket',
      'a: 1\nlisten: [ 1\nmode: x\n',
      [expect.stringMatching(/^3:\d+ : .* closing } or \] is missing/)],
    ],
    ['an open quote', 'mode: "production\n', [expect.stringMatching(/^\d:\d+ : a character is missing/)]],
    ['two values on a line', 'mode: a: b\n', [expect.stringMatching(/^1:7 : a second "key: value"/)]],
    ['a tag', 'mode: !name x\n', ['1:7 : tags such as !name are not supported']],
    ['a key that is a list', '? [ a ]\n: b\n', ['1:3 : expected a plain word as the key']],
    ['an alias without an anchor', 'mode: *nowhere\n', ['1:7 mode: no anchor has this name']],
  ])('%s', (_title, text, expected) => {
    expect(problemsOf(text)).toEqual(expected)
  })

  it('reports a duplicate key together with everything else', () => {
    expect(problemsOf(`${minimal}drain_seconds: 1\nlog_level: loud\ndrain_seconds: 2\n`)).toEqual([
      '6:12 log_level: expected one of "debug", "info", "warn", "error", "silent"',
      '7:1 drain_seconds: duplicate key: it is set above already',
    ])
  })

  it('refuses an alias inside its own anchor', () => {
    expect(problemsOf(`${minimal}extra: &a [ *a ]\n`)).toContain('5:13 extra[0]: an alias inside its own anchor')
  })

  it('refuses aliases that grow without end, before they do', () => {
    const levels = Array.from({ length: 30 }, (_value, index) => {
      const previous = index === 0 ? 'x' : `*a${index - 1}`
      return `k${index}: &a${index} [${Array.from({ length: 9 }, () => previous).join(', ')}]\n`
    })
    expect(problemsOf(levels.join(''))).toEqual(['1:1 : aliases repeat too much of the file'])
  })

  it('refuses a key that could reach a prototype', () => {
    expect(problemsOf(`${minimal}__proto__: { mode: development }\n`)).toContain('5:1 __proto__: not a usable key')
  })

  it('never quotes the file in a syntax error', () => {
    for (const text of [
      'secret_key: "sk_test_canary',
      'sk_test_canary: [',
      '%sk_test_canary\n---\n',
      '- *sk_test_canary',
    ]) {
      expect(configErrorOf(() => loadConfig({ file: writeConfig(text), env: {} })).message).not.toContain('canary"')
      expect(configErrorOf(() => loadConfig({ file: writeConfig(text), env: {} })).message).not.toMatch(/: .*canary/)
    }
  })
})

describe('a file that cannot be read', () => {
  it('is named as it was given, with the reason and who named it', () => {
    const folder = join(dirname(writeConfig('')), 'folder')
    mkdirSync(folder)
    expect(configErrorOf(() => loadConfig({ file: './no/such.yaml', env: {} })).message).toBe(
      './no/such.yaml  cannot be read: not found (named by --config)',
    )
    expect(configErrorOf(() => loadConfig({ env: { TOKENGRAPH_CONFIG: folder } })).message).toBe(
      `${folder}  cannot be read: it is a directory (named by TOKENGRAPH_CONFIG)`,
    )
  })

  it('has to be UTF-8 text of a sensible size', () => {
    const file = writeConfig(new Uint8Array([0x61, 0x3a, 0x20, 0xff]))
    expect(configErrorOf(() => loadConfig({ file, env: {} })).message).toBe(`${file}  the file is not UTF-8 text`)
    const large = writeConfig('#'.repeat(1024 * 1024 + 1))
    expect(configErrorOf(() => loadConfig({ file: large, env: {} })).message).toContain('larger than 1 MiB')
  })
})
