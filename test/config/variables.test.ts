import { describe, expect, it } from 'vitest'
import { load, minimal, problemsOf, clerkKey } from './sample.ts'

const withPath = (value: string): string =>
  `upstreams:
  vault:
    platform: vault
    path: ${value}
    keys: [ { id: k1, secret: "${'x'.repeat(32)}" } ]
auth: { services: [ { id: reader, key_sha256: ${'ab'.repeat(32)} } ] }
`

function pathFrom(value: string, env: NodeJS.ProcessEnv): unknown {
  return (load(withPath(value), env).upstreams[0]!.options as { path: string }).path
}

describe('${NAME}', () => {
  it.each([
    ['plain', '${A}', 'one'],
    ['plain, among text', './${A}/${B}.sqlite', './one/two.sqlite'],
    ['in double quotes', '"${A} ${B}"', 'one two'],
    ['in single quotes', "'${A}'", 'one'],
    ['in a block', '|-\n      ${A}', 'one'],
    ['escaped', '$${A}', '${A}'],
    ['escaped in quotes', '"$${A}-${B}"', '${A}-two'],
    ['a dollar in front of an escape', '"$$${A}"', '$${A}'],
    ['no reference at all', '"$A {B} $"', '$A {B} $'],
  ])('%s', (_title, value, expected) => {
    expect(pathFrom(value, { A: 'one', B: 'two' })).toBe(expected)
  })

  it('is not read again in the value of a variable, and the value cannot add YAML', () => {
    const value = '${B}", keys: [] } # \n- x: !!y \uE000'
    expect(pathFrom('${A}', { A: value, B: 'two' })).toBe(value)
  })

  it('does not matter in comments', () => {
    expect(load(`# \${NOT_SET} \${\n${minimal}`).mode).toBe('production')
  })

  it('becomes a number or a boolean where one is expected, and only when it is the whole value', () => {
    const env = { CLERK_SECRET_KEY: clerkKey, THE_PORT: '8080', THE_FLAG: 'true', DIGITS: '1234' }
    const text = minimal.replace('id: reader', 'id: ${DIGITS}, schema: ${THE_FLAG}')
    const config = load(`${text}listen: { port: \${THE_PORT} }\n`, env)
    expect(config.listen.port).toBe(8080)
    expect(config.auth.services[0]).toMatchObject({ id: '1234', schema: true })
    expect(problemsOf(`${minimal}drain_seconds: "1\${THE_FLAG}"\n`, env)).toEqual([
      '5:16 drain_seconds: expected a whole number from 0 to 3600, got a string',
    ])
    expect(problemsOf(`${minimal}drain_seconds: "10"\n`, env)).toEqual([
      '5:16 drain_seconds: expected a whole number from 0 to 3600, got a string',
    ])
    expect(problemsOf(`${minimal}drain_seconds: \${THE_PORT}\n`, env)).toEqual([
      '5:16 drain_seconds: expected a whole number from 0 to 3600',
    ])
  })

  it('is a number or a text by where it is used, under one anchor, too', () => {
    const text = minimal
      .replace('id: reader', 'id: *n')
      .replace('upstreams:', 'listen: { port: &n "${NUMBER}" }\nupstreams:')
    const config = load(text, { CLERK_SECRET_KEY: clerkKey, NUMBER: '8080' })
    expect([config.listen.port, config.auth.services[0]!.id]).toEqual([8080, '8080'])
  })

  it('becomes a number among the options of a platform', () => {
    const text = minimal.replace('platform: clerk,', 'platform: clerk, concurrency: "${NUMBER}",')
    const [clerk] = load(text, { CLERK_SECRET_KEY: clerkKey, NUMBER: '7' }).upstreams
    expect(clerk!.options).toMatchObject({ concurrency: 7 })
  })

  it('names a variable that is not set or empty, once, with key and line', () => {
    const text = `${minimal}listen:\n  host: \${HOTS}\n  port: \${EMPTY}\n`
    expect(problemsOf(text, { CLERK_SECRET_KEY: clerkKey, HOST: '127.0.0.1', EMPTY: '' })).toEqual([
      '6:9 listen.host: the environment variable HOTS is not set; did you mean "HOST"?',
      '7:9 listen.port: the environment variable EMPTY is empty',
    ])
  })

  it.each(['${}', '${not-a-name}', '${A:-default}', '"${A"', '"${A b}"'])('refuses %s', (value) => {
    expect(problemsOf(withPath(value), { A: 'one' })).toEqual([
      '4:11 upstreams.vault.path: expected ${NAME} with the name of an environment variable, or ${file:PATH}; write $${ for the characters themselves',
    ])
  })

  it('is refused in a key, and the key is not shown', () => {
    expect(problemsOf(minimal.replace('  clerk:', '  ${A}:'), { A: 'one', CLERK_SECRET_KEY: clerkKey })).toEqual([
      '2:3 upstreams.…: variables are read in values, not in keys',
      expect.stringContaining('2:3 upstreams.…: expected a name of 1 to 40 letters'),
    ])
  })

  it('refuses the two characters that it needs for itself', () => {
    expect(problemsOf(`${minimal}# \uE000\n`)).toEqual(['5:3 : the characters U+E000 and U+E001 are reserved'])
  })
})
