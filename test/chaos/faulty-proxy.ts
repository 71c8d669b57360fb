/** A proxy before a platform that spoils requests at random, alone and in spells during which hardly any succeeds. */
import { createServer, request as forward, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

export interface FaultyProxy extends AsyncDisposable {
  /** In place of the platform's own origin. */
  readonly origin: string
  /** How often each thing happened. */
  readonly counts: ReadonlyMap<string, number>
}

type Fault = (request: IncomingMessage, response: ServerResponse, target: URL) => void | Promise<void>

const status =
  (code: number, headers: Record<string, string> = {}): Fault =>
  (_, response) => {
    response.writeHead(code, { 'content-type': 'application/json', ...headers }).end('{}')
  }

/** Each with its weight. */
const faults: readonly (readonly [name: string, weight: number, fault: Fault])[] = [
  ['500', 3, status(500)],
  ['503', 4, status(503)],
  ['429, now again', 2, status(429, { 'retry-after': '0' })],
  ['429, in a second', 0.1, status(429, { 'retry-after': '1' })],
  ['a page', 2, (_, response) => void response.writeHead(200).end('<title>invented-page</title>')],
  ['a reset', 4, (request) => void request.socket.resetAndDestroy()],
  ['nothing, for ever', 1, () => undefined],
  [
    'half of the answer',
    3,
    async (request, response, target) => {
      const { code, headers, body } = await pass(request, target)
      response.writeHead(code, { ...headers, 'content-length': String(body.length) })
      response.write(body.subarray(0, body.length / 2), () => request.socket.resetAndDestroy())
    },
  ],
  [
    'half of the answer as if it were all',
    3,
    async (request, response, target) => {
      const { code, body } = await pass(request, target)
      response.writeHead(code, { 'content-type': 'application/json' }).end(body.subarray(0, body.length / 2))
    },
  ],
]
const TOTAL = faults.reduce((sum, [, weight]) => sum + weight, 0)

/** `random` gives numbers from 0 to 1; one that is seeded gives the same faults again. */
export async function startFaultyProxy(target: string, random: () => number): Promise<FaultyProxy> {
  const counts = new Map<string, number>()
  let spellUntil = 0

  /** null: the request goes through. */
  function draw(): readonly [string, number, Fault] | null {
    const now = performance.now()
    if (random() < 0.003) spellUntil = now + 300
    if (random() > (now < spellUntil ? 0.9 : 0.15)) return null
    let left = random() * TOTAL
    return faults.find(([, weight]) => (left -= weight) < 0) ?? null
  }

  const server = createServer((request, response) => {
    const drawn = draw()
    const name = drawn?.[0] ?? 'the right answer'
    counts.set(name, (counts.get(name) ?? 0) + 1)
    const delay = random() < 0.05 ? random() * 300 : random() * 10
    const answer = async (): Promise<void> => {
      await new Promise((resolve) => setTimeout(resolve, delay))
      const url = new URL(request.url ?? '/', target)
      if (drawn !== null) return drawn[2](request, response, url)
      const { code, headers, body } = await pass(request, url)
      response.writeHead(code, headers).end(body)
    }
    // Whoever left wants no answer.
    answer().catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    origin: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    counts,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

async function pass(request: IncomingMessage, target: URL) {
  const { method, headers } = request
  const body = await buffer(request)
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    forward(target, { method: method ?? 'GET', headers: { ...headers, host: target.host } }, resolve)
      .on('error', reject)
      .end(body)
  })
  const { 'transfer-encoding': _, connection: __, ...kept } = answer.headers
  return { code: answer.statusCode ?? 502, headers: kept, body: await buffer(answer) }
}
