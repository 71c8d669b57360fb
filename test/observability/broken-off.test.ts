/** A caller that goes away is no defect of the server: no error line, and nothing for the alarm on defects. */
import { connect } from 'node:net'
import { expect, test, vi } from 'vitest'
import { holds } from '../servers/misbehaviour.ts'
import { startDoor } from '../security/support.ts'

const query = '{ user(id: "user_1") { oauth_access_tokens(provider: "google") { token } external_accounts { id } } }'

test('neither a body that breaks off nor a caller that leaves while the platform is asked', async () => {
  await using door = await startDoor({ metrics: { port: 0 } })
  const { server, clerk, plainKey } = door
  const port = Number(new URL(server.url).port)
  const head = `POST /graphql HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${plainKey}\r\nContent-Type: application/json\r\n`
  for (const text of [`${head}Content-Length: 100\r\n\r\n{"q`, `${head}Transfer-Encoding: chunked\r\n\r\n5\r\n{"q`]) {
    const socket = connect(port, '127.0.0.1')
    socket.write(text)
    await server.settle()
    socket.resetAndDestroy()
  }
  clerk.misbehave(holds(new Promise(() => undefined)))
  const leaving = new AbortController()
  const left = server.ask(query, { bearer: plainKey, signal: leaving.signal }).catch(() => 'left')
  await clerk.arrived(2)
  leaving.abort()
  expect(await left).toBe('left')
  await vi.waitFor(() => {
    expect(
      server.logged.filter((line) => line.includes('"msg":"request"') && line.includes('"method":"POST"')),
    ).toHaveLength(3)
  })
  await server.settle()
  const scraped = await (await fetch(`${server.metrics_url ?? ''}/metrics`)).text()
  expect(scraped).not.toContain('INTERNAL_SERVER_ERROR')
  expect(scraped).toContain('tokengraph_errors_total')
  expect(server.logged.filter((line) => /"level":"(?:error|fatal)"/.test(line))).toStrictEqual([])
  expect(server.logged.join('')).not.toContain('INTERNAL_SERVER_ERROR')
})
