/** SIGHUP in production: all of what can change without a restart, or nothing of it. */
import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { makeFolder } from '../kit/folder.ts'
import { askForTokens, configure, startReal } from '../kit/real-server.ts'
import { startClerk } from '../servers/clerk.ts'

interface Written {
  auth: { services: { id: string; grants: { providers: string[]; users?: string[] }[] }[] }
  limits?: Record<string, unknown>
  upstreams: Record<string, Record<string, unknown>>
}

async function open() {
  const stack = new AsyncDisposableStack()
  const folder = stack.use(makeFolder())
  const clerk = await startClerk()
  stack.defer(() => clerk.close())
  for (const user of ['user_1', 'user_2']) clerk.addTokens(user, 'oauth_google', [{ token: `invented-${user}` }])
  const configured = configure(folder, clerk, { unready_seconds: 0 })
  const { process: server, url } = await startReal(folder, configured)
  stack.use(server)
  const original = readFileSync(configured.file, 'utf8')
  /** The lines about reloads. */
  const lines: string[] = []
  let rest = ''
  server.child.stdout!.on('data', (chunk: Buffer) => {
    const parts = (rest + chunk.toString()).split('\n')
    rest = parts.pop() ?? ''
    lines.push(...parts.filter((line) => line.includes('"msg":"configuration ')))
  })
  return {
    server,
    write(change: (config: Written) => void): void {
      const config = JSON.parse(original) as Written
      change(config)
      writeFileSync(configured.file, JSON.stringify(config, null, 2))
    },
    writeText: (text: string) => {
      writeFileSync(configured.file, text)
    },
    async reload(pattern: RegExp): Promise<string> {
      const before = lines.length
      server.child.kill('SIGHUP')
      await expect.poll(() => lines.length, { timeout: 20_000 }).toBe(before + 1)
      expect(lines.at(-1)).toMatch(pattern)
      return lines.at(-1)!
    },
    async codeOf(user: string): Promise<string> {
      const response = await fetch(`${url}/graphql`, askForTokens(configured, user))
      const { errors } = (await response.json()) as { errors?: { extensions: { code: string } }[] }
      return errors?.[0]?.extensions.code ?? 'none'
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

test('grants that were taken away hold for the next request, and the log names the keys', async () => {
  await using at = await open()
  expect(await at.codeOf('user_2')).toBe('none')
  at.write(({ auth }) => {
    auth.services[0]!.grants[0]!.users = ['user_1']
  })
  const line = await at.reload(/configuration reloaded/)
  expect(JSON.parse(line)).toMatchObject({ changed: ['auth.services[test].grants[0].users[0]'] })
  expect(await at.codeOf('user_1')).toBe('none')
  expect(await at.codeOf('user_2')).toBe('FORBIDDEN')
})

test('a mistake changes nothing, and the log has its line and what was expected', async () => {
  await using at = await open()
  at.writeText('{ "auth": { "services": "none" } }')
  const line = await at.reload(/configuration not reloaded/)
  expect((JSON.parse(line) as { reason: string }).reason).toMatch(/tokengraph\.yaml:1:\d+ {2}auth\.services/)
  expect(await at.codeOf('user_2')).toBe('none')
})

test('what needs a restart is named, and nothing else of the file takes effect either', async () => {
  await using at = await open()
  at.write(({ auth, upstreams }) => {
    auth.services[0]!.grants[0]!.users = ['user_1']
    upstreams.clerk!.secret_key = 'sk_test_another'
  })
  const line = await at.reload(/configuration not reloaded/)
  expect((JSON.parse(line) as { reason: string }).reason).toBe(
    'a restart is needed for upstreams[clerk].options.secret_key',
  )
  expect(line).not.toContain('sk_test_another')
  expect(await at.codeOf('user_2')).toBe('none')
})

test('no request fails while it is reloaded again and again', async () => {
  await using at = await open()
  let isOver = false
  const codes = new Set<string>()
  const asking = Promise.all(
    Array.from({ length: 8 }, async () => {
      while (!isOver) codes.add(await at.codeOf('user_1').catch(() => 'failed'))
    }),
  )
  for (let round = 0; round < 20; round++) {
    at.write((config) => {
      config.limits = { aliases: 20 + round }
    })
    await at.reload(/configuration reloaded/)
  }
  isOver = true
  await asking
  expect([...codes]).toStrictEqual(['none'])
})
