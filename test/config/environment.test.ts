import { describe, expect, it } from 'vitest'
import { loadConfig, readEnvironment } from '../../src/config/load.ts'
import { reveal } from '../../src/lib/secret.ts'
import type { Secret } from '../../src/lib/secret.ts'
import { clerkKey, configErrorOf, env, load, minimal, showProblem, writeConfig } from './sample.ts'

const fileless = (variables: NodeJS.ProcessEnv) => loadConfig({ env: variables })
const problems = (variables: NodeJS.ProcessEnv, port: number | null = null): string[] =>
  configErrorOf(() => loadConfig({ env: variables, port })).problems.map(showProblem)

describe('without a file', () => {
  it('is development mode without upstreams when the environment says nothing', () => {
    expect(fileless({})).toMatchObject({
      mode: 'development',
      source: 'development default',
      listen: { host: '127.0.0.1', port: 4000 },
      upstreams: [],
      providers: { routes: {}, default: null },
      auth: { issuers: [], services: [] },
      log: { level: 'info' },
    })
  })

  it('lets Clerk serve every provider when its key is there', () => {
    const config = fileless({ CLERK_SECRET_KEY: clerkKey })
    expect(config).toMatchObject({ mode: 'development', source: 'environment', providers: { default: 'clerk' } })
    expect(reveal((config.upstreams[0]!.options as { secret_key: Secret }).secret_key)).toBe(clerkKey)
  })

  it('refuses a live key, because the page of development mode holds a key that reads everything', () => {
    const live = 'sk_live_invented_key'
    const [problem, ...others] = problems({ CLERK_SECRET_KEY: live })
    expect(problem).toMatch(/CLERK_SECRET_KEY.*: a live key; development mode/)
    expect(problem).not.toContain(live)
    expect(others).toEqual([])
  })

  it.each([
    ['https://api.clerk.dev', 'https://api.clerk.dev/v1'],
    ['https://api.clerk.dev/', 'https://api.clerk.dev/v1'],
    ['https://api.clerk.dev/v2', 'https://api.clerk.dev/v2'],
    ['http://127.0.0.1:5000', 'http://127.0.0.1:5000/v1'],
  ])('takes the origin or the base URL of Clerk: %s', (given, expected) => {
    const [clerk] = fileless({ CLERK_SECRET_KEY: clerkKey, CLERK_API_URL: given }).upstreams
    expect(clerk!.options).toMatchObject({ base_url: expected })
  })

  it('treats an empty variable as one that is not set', () => {
    const empty = {
      CLERK_SECRET_KEY: '',
      PORT: '',
      TOKENGRAPH_HOST: '',
      LOG_LEVEL: '',
      TOKENGRAPH_CONFIG: '',
      CLERK_API_URL: '',
    }
    expect(fileless(empty)).toEqual(fileless({}))
  })

  it('reports every bad variable by its name, and never its value', () => {
    const bad = {
      CLERK_SECRET_KEY: 'canary key',
      CLERK_API_URL: 'http://canary.example',
      PORT: '99999',
      LOG_LEVEL: 'inof',
      TOKENGRAPH_HOST: '0.0.0.0',
    }
    expect(problems(bad, 70_000)).toEqual([
      'CLERK_SECRET_KEY: expected a Clerk secret key such as sk_live_…',
      'CLERK_API_URL: expected an https URL; plain http is accepted for loopback addresses, and for upstreams that "allow_http" names',
      'TOKENGRAPH_HOST: listen.host: development mode listens on loopback addresses alone; expected 127.0.0.1',
      'PORT: expected a whole number from 0 to 65535',
      'LOG_LEVEL: expected one of "debug", "info", "warn", "error", "silent"; did you mean "info"?',
      '--port: expected a whole number from 0 to 65535',
    ])
    expect(problems(bad).join('\n')).not.toContain('canary')
    expect(problems({ PORT: 'http' })).toEqual(['PORT: expected a whole number from 0 to 65535, got a string'])
    expect(configErrorOf(() => fileless({ PORT: 'x' })).message).toMatch(/^environment {2}PORT {2}expected/)
  })

  it('listens on loopback under each of its names', () => {
    for (const host of ['localhost', '127.0.0.1', '::1'])
      expect(fileless({ TOKENGRAPH_HOST: host }).listen.host).toBe(host)
  })
})

describe('which value wins', () => {
  const variables = { ...env, TOKENGRAPH_HOST: '127.0.0.2', PORT: '5001', LOG_LEVEL: 'warn' }
  const full = `${minimal}listen: { host: 127.0.0.3, port: 5002 }\nlog_level: error\n`

  it('the command line before the file, the file before the environment, the environment before the default', () => {
    expect(load(full, variables, 5003)).toMatchObject({
      listen: { host: '127.0.0.3', port: 5003 },
      log: { level: 'error' },
    })
    expect(load(full, variables)).toMatchObject({ listen: { host: '127.0.0.3', port: 5002 }, log: { level: 'error' } })
    expect(load(minimal, variables)).toMatchObject({
      listen: { host: '127.0.0.2', port: 5001 },
      log: { level: 'warn' },
    })
    expect(load(minimal)).toMatchObject({ listen: { host: '0.0.0.0', port: 4000 }, log: { level: 'info' } })
  })

  it('only the file decides about upstreams', () => {
    const config = load(minimal.replace('${CLERK_SECRET_KEY}', 'sk_test_of_the_file'), { CLERK_SECRET_KEY: clerkKey })
    expect(reveal((config.upstreams[0]!.options as { secret_key: Secret }).secret_key)).toBe('sk_test_of_the_file')
  })

  it('--config before TOKENGRAPH_CONFIG', () => {
    const named = { ...env, TOKENGRAPH_CONFIG: writeConfig(`${minimal}drain_seconds: 1\n`) }
    expect(loadConfig({ env: named }).drain_seconds).toBe(1)
    expect(loadConfig({ env: named, file: writeConfig(`${minimal}drain_seconds: 2\n`) }).drain_seconds).toBe(2)
  })

  it('a port of 0 asks for any free one, wherever it stands', () => {
    expect(load(minimal, env, 0).listen.port).toBe(0)
    expect(load(minimal, { ...env, PORT: '0' }).listen.port).toBe(0)
    expect(load(`${minimal}listen: { port: 0 }\n`, env).listen.port).toBe(0)
    expect(problems({ PORT: '65536' })).toEqual(['PORT: expected a whole number from 0 to 65535'])
  })
})

it('reads the environment once, as a copy', () => {
  const first = readEnvironment()
  expect(first).toEqual(process.env)
  expect(first).not.toBe(process.env)
})
