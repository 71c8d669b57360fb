/** The adapter for the Fetch API: `Request` to `Response`, for tests and for embedding in another server. */
import { endedEarly, errorResponse, RefusedError } from './error-response.ts'
import type { HttpHandler, HttpResponse } from './message.ts'
import { responseHeaders } from './policy.ts'
import { isHost } from './incoming.ts'

/** Resolves also when the request's signal aborts; the caller has left by then. */
export type FetchHandler = (request: Request) => Promise<Response>

/** Answers as the adapter for node:http does, without a socket. */
export function toFetchHandler(handle: HttpHandler): FetchHandler {
  return async (request) => {
    const url = new URL(request.url)
    // A map also answers for names that `Headers.get` throws for, which a signature may cover.
    const fields = new Map(request.headers)
    const host = fields.get('host') ?? url.host
    let reading: Promise<Buffer<ArrayBuffer> | null> | null = null
    const { status, headers, body } = isHost(host)
      ? await handle({
          method: request.method,
          path: url.pathname,
          query: url.search.slice(1),
          host,
          // Requests come one by one: the embedding server has the connections.
          connection: request,
          header: (name) => fields.get(name) ?? null,
          readBody: (maxBytes) => (reading ??= readStream(request, maxBytes)),
          signal: () => request.signal,
        })
      : refuse(fields.get('accept') ?? null)
    return new Response(request.method === 'HEAD' ? null : body, { status, headers })
  }
}

function refuse(accept: string | null): HttpResponse {
  const message = 'The Host and the target make no URL.'
  const response = errorResponse({ status: 400, code: 'BAD_USER_INPUT', message }, accept)
  return { ...response, headers: { ...responseHeaders, ...response.headers } }
}

async function readStream({ body, signal }: Request, maxBytes: number): Promise<Buffer<ArrayBuffer> | null> {
  if (body === null) return Buffer.alloc(0)
  const reader = body.getReader()
  signal.addEventListener('abort', () => void reader.cancel(signal.reason).catch(() => undefined), { once: true })
  const chunks: Uint8Array[] = []
  let length = 0
  for (;;) {
    // A body that breaks off is the caller's doing.
    const { done, value } = await reader.read().catch((error: unknown) => {
      throw new RefusedError(endedEarly, { cause: error })
    })
    if (done && signal.aborted) throw new RefusedError(endedEarly)
    if (done) return Buffer.concat(chunks, length)
    length += value.byteLength
    if (length > maxBytes) {
      void reader.cancel().catch(() => undefined)
      return null
    }
    chunks.push(value)
  }
}
