/** The adapter for the Fetch API: `Request` to `Response`, for tests and for embedding in another server. */
import type { HttpHandler } from './message.ts'

/** Resolves also when the request's signal aborts; the caller has left by then. */
export type FetchHandler = (request: Request) => Promise<Response>

/** Answers as the adapter for node:http does, without a socket. */
export function toFetchHandler(handle: HttpHandler): FetchHandler {
  return async (request) => {
    const url = new URL(request.url)
    // A map also answers for names that `Headers.get` throws for, which a signature may cover.
    const fields = new Map(request.headers)
    const listeners: (() => void)[] = []
    try {
      const { status, headers, body } = await handle({
        method: request.method,
        path: url.pathname,
        host: fields.get('host') ?? url.host,
        header: (name) => fields.get(name) ?? null,
        readBody: (maxBytes) => readStream(request.body, maxBytes),
        signal: request.signal,
        onClose: (listener) => void listeners.push(listener),
      })
      return new Response(request.method === 'HEAD' ? null : body, { status, headers })
    } finally {
      for (const listener of listeners) listener()
    }
  }
}

async function readStream(
  body: ReadableStream<Uint8Array> | null,
  maxBytes: number,
): Promise<Buffer<ArrayBuffer> | null> {
  if (body === null) return Buffer.alloc(0)
  const reader = body.getReader()
  const chunks: Uint8Array[] = []
  let length = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return Buffer.concat(chunks, length)
    length += value.byteLength
    if (length > maxBytes) {
      void reader.cancel().catch(() => undefined)
      return null
    }
    chunks.push(value)
  }
}
