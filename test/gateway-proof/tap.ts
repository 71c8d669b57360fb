/** An attacker between a gateway and the server: records every request, which tests then replay. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

export interface Passed {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface Tap extends AsyncDisposable {
  readonly url: string
  readonly passed: readonly Passed[]
}

// Headers of one connection, or derived from the body.
const ownHeaders = ['host', 'connection', 'content-length', 'transfer-encoding', 'keep-alive', 'accept-encoding']

/** `origin` is the server behind it. Paths are passed on unchanged. */
export async function startTap(origin: string): Promise<Tap> {
  const passed: Passed[] = []
  const server = createServer((request, response) => {
    void (async () => {
      const body = (await buffer(request)).toString()
      const given = Object.entries(request.headers).filter(([name]) => !ownHeaders.includes(name))
      const headers = Object.fromEntries(given.map(([name, value]) => [name, String(value)]))
      passed.push({ headers, body })
      const answer = await fetch(`${origin}${request.url ?? ''}`, { method: request.method ?? 'POST', headers, body })
      const type = answer.headers.get('content-type') ?? ''
      response.writeHead(answer.status, { 'content-type': type }).end(await answer.text())
    })()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    passed,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
