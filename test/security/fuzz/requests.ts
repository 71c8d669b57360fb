/** Requests as bytes on a socket: mostly HTTP, not always well. */
import fc from 'fast-check'
import { seeds } from './bombs.ts'
import { mutatedBytes } from './mutate.ts'

const body = fc.oneof(
  fc.constantFrom(...seeds).map((query) => Buffer.from(JSON.stringify({ query }))),
  fc.constantFrom(...seeds).chain((query) => mutatedBytes(JSON.stringify({ query, variables: { id: 'user_1' } }))),
  fc.json().map((text) => Buffer.from(text)),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  fc
    .constantFrom(
      '',
      '[]',
      '{}',
      'null',
      '[{"query":"{__typename}"}]',
      '['.repeat(60_000),
      `{"a":`.repeat(10_000),
      `"${'x'.repeat(70_000)}"`,
    )
    .map((text) => Buffer.from(text)),
)

const token = fc.stringMatching(/^[A-Za-z-]{1,12}$/)
const text = fc.stringMatching(/^[\x20-\x7e]{0,40}$/)
const oneOf = (...values: string[]) => fc.oneof(fc.constantFrom(...values), text)
const header = fc.oneof(
  fc.tuple(
    fc.constant('content-type'),
    oneOf(
      'application/json',
      'Application/JSON; Charset=UTF-8',
      'text/plain',
      'multipart/form-data; boundary=x',
      'application/json,',
      '',
    ),
  ),
  fc.tuple(
    fc.constant('accept'),
    oneOf(
      '*/*',
      'application/json',
      'application/graphql-response+json',
      'text/event-stream',
      'multipart/mixed',
      'text/html',
      ';',
      'a/b;q=x',
    ),
  ),
  fc.tuple(
    fc.constant('authorization'),
    oneOf('Bearer', 'Bearer x', 'Basic eDp5', `Bearer ${'x'.repeat(9000)}`, 'Bearer eyJhbGciOiJub25lIn0.e30.'),
  ),
  fc.tuple(fc.constant('origin'), oneOf('null', 'https://evil.example', 'http://localhost', '//')),
  fc.tuple(fc.constant('x-request-id'), oneOf('trace-1', 'a b')),
  fc.tuple(fc.constant('content-encoding'), oneOf('gzip', 'identity', 'br')),
  fc.tuple(fc.constant('expect'), oneOf('100-continue')),
  fc.tuple(fc.constant('upgrade'), oneOf('websocket', 'h2c')),
  fc.tuple(fc.constant('traceparent'), oneOf('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01')),
  fc.tuple(token, text),
)

const structured = fc
  .record({
    method: fc.oneof(
      { weight: 4, arbitrary: fc.constant('POST') },
      fc.constantFrom('GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH', 'QUERY'),
      token,
    ),
    target: fc.oneof(
      { weight: 6, arbitrary: fc.constant('/graphql') },
      fc.constantFrom(
        '/',
        '//',
        '*',
        '/health',
        '/ready',
        '/graphql?query={a}',
        '/graphql/',
        '/%',
        '/..',
        'http://a/graphql',
        '//[',
      ),
      fc.webPath(),
      text,
    ),
    host: fc.oneof(
      { weight: 6, arbitrary: fc.constant('localhost') },
      fc.constantFrom('', '[::1', 'a:99999', '@', 'a b', 'x/y'),
      text,
    ),
    headers: fc.array(header, { maxLength: 6 }),
    isJson: fc.boolean(),
    framing: fc.constantFrom('length', 'length', 'length', 'chunks', 'none', 'short', 'long'),
    body,
  })
  .map(({ method, target, host, headers, isJson, framing, body: content }) => {
    const lines = [`${method} ${target} HTTP/1.1`, `host: ${host}`, 'connection: close']
    if (isJson) lines.push('content-type: application/json')
    lines.push(...headers.map(([name, value]) => `${name}: ${value}`))
    const sizes = { length: content.length, short: Math.floor(content.length / 2), long: content.length + 10 }
    if (framing in sizes) lines.push(`content-length: ${String(sizes[framing as keyof typeof sizes])}`)
    if (framing === 'chunks') lines.push('transfer-encoding: chunked')
    const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
    const sent = framing === 'chunks' ? [`${content.length.toString(16)}\r\n`, content, '\r\n0\r\n\r\n'] : [content]
    return Buffer.concat([head, ...sent.map((part) => (typeof part === 'string' ? Buffer.from(part) : part))])
  })

/** The bytes of one request. */
export const requests: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 6, arbitrary: structured },
  { weight: 1, arbitrary: structured.chain((bytes) => mutatedBytes(bytes.toString('latin1'))) },
)
