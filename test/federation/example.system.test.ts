/** `npm run example:supergraph`, as a newcomer runs it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { get } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { demoQuery, startSupergraph } from '../../examples/supergraph/start.ts'
import { makeFolder } from '../kit/folder.ts'

const main = fileURLToPath(new URL('../../examples/supergraph/main.ts', import.meta.url))

it('starts with one command, answers the query on its page, and stops when it is told to', async () => {
  using folder = makeFolder()
  const child = spawn(process.execPath, [main, '--port', '0'], {
    cwd: folder.path,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    let printed = ''
    for await (const chunk of child.stdout.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
      printed += String(chunk)
      if (printed.includes('curl')) break
    }
    const url = /page +(\S+)/.exec(printed)![1]!
    const key = /key +(\S+)/.exec(printed)![1]!

    const page = await fetch(url, { headers: { accept: 'text/html' } })
    const html = await page.text()
    expect(html).toContain('tokengraph and orders')
    expect(html).toContain(key)
    expect(html).not.toMatch(/<script[^>]+src="https?:/)

    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
      body: JSON.stringify({ query: demoQuery }),
    })
    const demo = {
      id: 'user_demo',
      google: [
        { label: 'home', token: 'demo-google-home-token' },
        { label: 'work', token: 'demo-google-work-token' },
      ],
      github: { status: 'CONNECTED' },
    }
    expect(await answer.json()).toEqual({
      data: {
        orders: [
          { id: 'order_1', total: 4200, buyer: demo },
          { id: 'order_2', total: 1999, buyer: demo },
          {
            id: 'order_3',
            total: 500,
            buyer: { id: 'user_without_accounts', google: [], github: { status: 'NOT_CONNECTED' } },
          },
        ],
      },
    })

    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    expect(await ended).toEqual([0, null])
  } finally {
    child.kill('SIGKILL')
  }
})

it('shows its page, which carries a key, to no other origin and under no other name', async () => {
  using folder = makeFolder()
  await using supergraph = await startSupergraph({ folder: folder.path, port: 0 })
  const { port } = new URL(supergraph.url)

  const foreign = await fetch(supergraph.url, { headers: { accept: 'text/html', origin: 'https://evil.example' } })
  expect(foreign.headers.get('access-control-allow-origin')).toBeNull()
  await foreign.text()

  const rebound = await getAs(`evil.example:${port}`, supergraph.url)
  expect(rebound.status).toBe(403)
  expect(rebound.body).not.toContain(supergraph.key)
})

/** `fetch` does not let a Host header be chosen. */
async function getAs(host: string, url: string): Promise<{ status: number | undefined; body: string }> {
  const [response] = (await once(get(url, { headers: { host, accept: 'text/html' } }), 'response')) as [IncomingMessage]
  return { status: response.statusCode, body: await text(response) }
}
