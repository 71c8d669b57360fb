/** `tokengraph init`: what it writes is right for every platform, and overwrites nothing. */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { describe, expect, it } from 'vitest'
import { hashServiceKey } from '../../src/auth/service-keys.ts'
import { initialize } from '../../src/commands/init.ts'
import { loadConfig } from '../../src/config/load.ts'
import type { ConfigError } from '../../src/config/load.ts'
import { platforms } from '../../src/upstreams/registry.ts'
import { testFolder } from '../kit/folder.ts'
import { captureOutput } from '../kit/output.ts'

function init(given: { platform?: string; service?: string; folder?: string } = {}) {
  const { platform = 'vault', service = 'calendar-sync', folder = testFolder().path } = given
  const output = captureOutput()
  const file = join(folder, 'tokengraph.yaml')
  const code = initialize({ file, platform, service }, output)
  return { code, file, folder, out: output.out.text(), err: output.err.text() }
}

const variablesOf = (folder: string) => parseEnv(readFileSync(join(folder, 'tokengraph.env'), 'utf8'))

describe.each(Object.keys(platforms))('for %s', (platform) => {
  it('is valid but for what is left to fill in, which it names', () => {
    const { code, file, folder, out } = init({ platform })
    expect(code).toBe(0)
    const env = variablesOf(folder)
    const missing = Object.keys(env)
      .filter((name) => env[name] === '')
      .toSorted()
    if (missing.length === 0) {
      expect(loadConfig({ file, env }).upstreams).toMatchObject([{ name: platform, platform }])
      expect(out).not.toContain('Fill in first')
      return
    }
    const [, named = ''] = /Fill in first, in \S+: (.*)\./.exec(out) ?? []
    expect(named.split(', ').toSorted()).toEqual(missing)
    let problems: readonly string[] = []
    try {
      loadConfig({ file, env })
    } catch (error) {
      problems = (error as ConfigError).problems.map(({ message }) => message).toSorted()
    }
    expect(problems).toEqual(missing.map((name) => `the environment variable ${name} is empty`))
  })
})

it('makes a key that it shows once, and secrets for their owner alone', () => {
  const { file, folder, out } = init()
  const key = /tgk_\S+/.exec(out)?.[0] ?? ''
  const text = readFileSync(file, 'utf8')
  expect(text).toContain(hashServiceKey(key))
  expect(text + readFileSync(join(folder, 'tokengraph.env'), 'utf8')).not.toContain(key)
  expect(statSync(join(folder, 'tokengraph.env')).mode & 0o777).toBe(0o600)
  for (const secret of Object.values(variablesOf(folder))) expect(out + text).not.toContain(secret)
  expect(new Set([...Object.values(variablesOf(folder)), ...Object.values(variablesOf(init().folder))]).size).toBe(4)
})

it.each(['tokengraph.yaml', 'tokengraph.env'])('overwrites no %s', (name) => {
  const folder = testFolder().path
  writeFileSync(join(folder, name), 'mine')
  const { code, err } = init({ folder })
  expect({ code, err }).toEqual({
    code: 1,
    err: `${join(folder, name)} is there already, and nothing was written. Name another file, or remove it first.\n`,
  })
  expect(readdirSync(folder)).toEqual([name])
  expect(readFileSync(join(folder, name), 'utf8')).toBe('mine')
})

it('refuses a platform and a service that are none, and writes nothing', () => {
  const folder = testFolder().path
  expect(() => init({ platform: 'clerks', folder })).toThrow(
    /^--platform: there is no such platform; did you mean "clerk"\?; there is: auth0/,
  )
  expect(() => init({ service: 'a b', folder })).toThrow('--service: expected 1 to 64 letters, digits and _ . -')
  expect(readdirSync(folder)).toEqual([])
})

it('leaves no file behind where one of both cannot be written', () => {
  const folder = testFolder().path
  expect(() => init({ folder: join(folder, 'nowhere') })).toThrow(
    `tokengraph.env cannot be written: there is no folder ${join(folder, 'nowhere')}; make it first. Nothing was written.`,
  )
  const file = join(folder, 'n'.repeat(300))
  expect(() => initialize({ file, platform: 'vault', service: 'a' }, captureOutput())).toThrow(
    `${file} cannot be written: the name is too long. Nothing was written.`,
  )
  expect(readdirSync(folder)).toEqual([])
})
