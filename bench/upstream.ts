/** A Clerk-like upstream in a process of its own: answers after `LATENCY_MS`, counts calls, says so at `/stats`. */
import { createServer } from 'node:http'

const latency_ms = Number(process.env.LATENCY_MS ?? '20')
const calls = new Map<string, number>()

const server = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://upstream.invalid')
  if (url.pathname === '/stats') {
    const total = [...calls.values()].reduce((sum, count) => sum + count, 0)
    response.end(JSON.stringify({ calls: total, distinct: calls.size }))
    calls.clear()
    return
  }
  calls.set(url.pathname, (calls.get(url.pathname) ?? 0) + 1)
  const [, , , user = '', , provider = ''] = url.pathname.split('/')
  const token = {
    object: 'oauth_access_token',
    external_account_id: `eac_${user}`,
    provider_user_id: '1',
    token: `invented-token-${user}-${provider}`,
    expires_at: 4_102_444_800,
    provider,
    public_metadata: {},
    label: null,
    scopes: ['email'],
  }
  const body = JSON.stringify({ data: [token], total_count: 1 })
  setTimeout(() => response.writeHead(200, { 'content-type': 'application/json' }).end(body), latency_ms)
})

server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (address !== null && typeof address === 'object')
    process.stdout.write(`http://127.0.0.1:${String(address.port)}\n`)
})
