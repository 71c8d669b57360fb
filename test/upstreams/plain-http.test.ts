/** Plain http to another machine: no platform uses it unless `allow_http` names its upstream, and then only inside. */
import { describe, expect, it } from 'vitest'
import { checkConfig } from '../../src/commands/check-config.ts'
import { inputSchema } from '../../src/config/json-schema.ts'
import type { Platform } from '../../src/upstreams/platform.ts'
import { platforms } from '../../src/upstreams/registry.ts'
import { fixtures } from '../conformance/fixtures.ts'
import { load, minimal, problemsOf, writeConfig } from '../config/sample.ts'
import { captureOutput } from '../kit/output.ts'
import { startTestServer } from '../kit/server.ts'

/** The URL options of a platform, by the pattern that `upstreamUrl` publishes. */
function urlOptionsOf(platform: Platform): string[] {
  const { properties = {} } = inputSchema(platform.options)
  return Object.keys(properties).filter((key) => JSON.stringify(properties[key]).includes('^https?://'))
}

const names = Object.keys(platforms) as (keyof typeof platforms)[]
const overHttp = names.filter((name) => !['vault', 'better-auth'].includes(name))
const REFUSED = 'plain http is accepted for loopback addresses, and for upstreams that "allow_http" names'
const observe = (): void => undefined

it('the options of which the rule knows are all that hold the URL of a platform', () => {
  const found = names.map((name) => [name, urlOptionsOf(platforms[name] as Platform)] as const)
  expect(found.filter(([, keys]) => keys.length === 0).map(([name]) => name)).toEqual(['better-auth', 'vault'])
  expect(found.flatMap(([, keys]) => keys).filter((key) => !key.endsWith('_url'))).toEqual([])
})

describe.each(overHttp)('%s', (name) => {
  const platform = platforms[name] as Platform
  const keys = urlOptionsOf(platform)
  const urls = (url: string) => Object.fromEntries(keys.map((key) => [key, url]))

  it('is refused in the configuration, and accepted where the upstream is named', async () => {
    await using fixture = await fixtures[name].start()
    const text = (rest: object) =>
      JSON.stringify({
        upstreams: { inside: { platform: name, ...fixture.options, ...urls('http://platform.internal:4434') } },
        auth: { services: [{ id: 'reader', key_sha256: 'ab'.repeat(32) }] },
        ...rest,
      })
    const problems = problemsOf(text({}))
    expect(problems).toHaveLength(keys.length)
    for (const key of keys)
      expect(problems.join('\n')).toMatch(`upstreams.inside.${key}: expected an https URL; ${REFUSED}`)
    expect(load(text({ allow_http: ['inside'] })).allow_http).toEqual(['inside'])
  })

  it('does not open without leave, and never to a link-local or public address', async () => {
    await using fixture = await fixtures[name].start()
    const open = async (url: string, plainHttp: boolean) => {
      const options = platform.options.parse({ ...fixture.options, ...urls(url) })
      await platform.open(options, { plainHttp, observe }).close()
    }
    await open('http://10.0.0.1', true)
    await open('http://platform.internal', true)
    await expect(open('http://10.0.0.1', false)).rejects.toThrow(/plain http needs/)
    await expect(open('http://platform.internal', false)).rejects.toThrow(/plain http needs/)
    await expect(open('http://203.0.113.1', true)).rejects.toThrow(/plain http needs/)
    for (const plainHttp of [true, false])
      await expect(open('http://169.254.169.254', plainHttp)).rejects.toThrow(/link-local/)
  })
})

it('a mistake beside it hides neither', () => {
  const problems = problemsOf(
    'upstreams: { kratos: { platform: kratos, base_url: "http://kratos:4434", batch_size: x } }\n',
  ).join('\n')
  expect(problems).toContain(`upstreams.kratos.base_url: expected an https URL; ${REFUSED}`)
  expect(problems).toContain('upstreams.kratos.batch_size')
})

it('is warned of at the start and by check-config', async () => {
  const kratos = { platform: 'kratos', base_url: 'http://127.0.0.1:1' }
  await using server = await startTestServer({ file: { upstreams: { kratos }, allow_http: ['kratos'] } })
  const warnings = server.logged.filter((line) => line.includes('"level":"warn"') && !line.includes('"right":'))
  expect(warnings.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    { upstream: 'kratos', msg: 'plain http is allowed; keys and tokens can be read on the network of the upstream' },
  ])

  const check = async (text: string) => {
    const output = captureOutput()
    const code = await checkConfig({ file: writeConfig(text), env: { CLERK_SECRET_KEY: 'sk_test_invented' } }, output)
    return { code, err: output.err.text() }
  }
  const quiet = minimal.replace('} ]', ', schema: true } ]')
  expect(await check(quiet)).toEqual({ code: 0, err: '' })
  expect(await check(`${quiet}allow_http: [clerk]\n`)).toEqual({
    code: 0,
    err: 'warning: allow_http: clerk: plain http is allowed; keys and tokens can be read on the network of the upstream\n',
  })
})
