/** SIGTERM: stop accepting, finish running requests, close, exit 0 (docs/promises.md R11). */
import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, it } from 'vitest'
import { startClerk } from '../servers/clerk.ts'
import { holds, silence } from '../servers/misbehaviour.ts'
import { makeFolder } from '../kit/folder.ts'
import type { Folder } from '../kit/folder.ts'
import { askForTokens, configure, startReal } from '../kit/real-server.ts'

async function startOverClerk(folder: Folder, drain_seconds: number) {
  const clerk = await startClerk()
  clerk.addTokens('user_1', 'oauth_google', [{ token: 'invented-token-1' }])
  const configured = configure(folder, clerk, { drain_seconds, unready_seconds: 0, audit: { sink: 'stdout' } })
  const { process: server, url } = await startReal(folder, configured)
  const post = () => fetch(`${url}/graphql`, askForTokens(configured, 'user_1'))
  return { clerk, server, url, post }
}

it('finishes the running request, refuses new connections, and exits 0', async () => {
  using folder = makeFolder()
  const { clerk, server, url, post } = await startOverClerk(folder, 30)
  await using _stop = server
  const gate = Promise.withResolvers<unknown>()
  clerk.misbehave(holds(gate.promise))
  const running = post()
  await clerk.arrived(1)
  // A connection opened ahead of its request must not hold the process either.
  const ahead = connect(Number(new URL(url).port), '127.0.0.1')
  await once(ahead, 'connect')

  server.child.kill('SIGTERM')
  await server.seen(/"msg":"stopping"/)
  await expect(post()).rejects.toThrow()
  gate.resolve(null)

  expect(await (await running).json()).toEqual({
    data: { user: { oauth_access_tokens: [{ token: 'invented-token-1' }] } },
  })
  expect((await server.ended).code).toBe(0)
  await clerk.close()
})

it('cuts requests that do not finish within drain_seconds, logs that, and exits 0', async () => {
  using folder = makeFolder()
  const { clerk, server, post } = await startOverClerk(folder, 0)
  await using _stop = server
  clerk.misbehave(silence)
  const running = post()
  await clerk.arrived(1)
  server.child.kill('SIGTERM')
  await expect(running).rejects.toThrow()
  const { code, stderr } = await server.ended
  expect(code).toBe(0)
  expect(stderr).toContain('requests did not finish in time')
  await clerk.close()
})

it('does not wait after a second signal', async () => {
  using folder = makeFolder()
  const { clerk, server, post } = await startOverClerk(folder, 3600)
  await using _stop = server
  clerk.misbehave(silence)
  const running = post().catch(() => 'cut')
  await clerk.arrived(1)
  server.child.kill('SIGINT')
  await server.seen(/"msg":"stopping"/)
  server.child.kill('SIGINT')
  expect((await server.ended).code).toBe(1)
  expect(await running).toBe('cut')
  await clerk.close()
})
