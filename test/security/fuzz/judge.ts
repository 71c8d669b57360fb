/**
 * What must hold of every answer: no 5xx but 503, no canary, the headers, and no event loop held for more than 50 ms.
 *
 * The hold is measured as the CPU time of this thread from the sending of a request to its answer. It counts whatever
 * the server, the fake platform and the client did in that time, so it is never less than the longest stall; and other
 * processes on a busy machine, which would spoil a measurement of wall time, do not count. A collection of garbage or a
 * first compilation can fall into any request: who exceeds the limit is sent again, with a comment that makes it a new
 * document for every cache, and counts only when it is slow each time.
 */
import { connect } from 'node:net'
import { CANARY } from '../support.ts'
import type { Door } from '../support.ts'

/** Milliseconds. */
const MAX_HOLD_MS = 50
const ATTEMPTS = 4

interface Outcome {
  readonly status: number
  /** Head and body. */
  readonly text: string
}

/** Throws with what is wrong about the answer. `viewer` may not read `user_1`, whose token is the canary. */
export async function judgeOperation(
  door: Door,
  operation: { query: string; variables: unknown },
  bearer: string | null,
): Promise<void> {
  const headers = bearer === null ? {} : { authorization: `Bearer ${bearer}` }
  await judge(door, async (attempt) => {
    const query = attempt === 0 ? operation.query : `#${String(attempt)}\n${operation.query}`
    const response = await door.server.post(JSON.stringify({ ...operation, query }), headers)
    const text = await response.text()
    const answer = JSON.parse(text) as {
      data?: unknown
      errors?: { message: string; extensions?: { code?: unknown } }[]
    }
    for (const { message, extensions } of answer.errors ?? []) {
      if (typeof extensions?.code !== 'string') throw new Error(`an error without a code: ${message}`)
      if (extensions.code === 'INTERNAL_SERVER_ERROR') throw new Error('an unexpected error')
    }
    return {
      status: response.status,
      text: `${[...response.headers].map((pair) => pair.join(': ')).join('\r\n')}\r\n${text}`,
    }
  })
}

/** The same for bytes on a socket, which may be no request at all. */
export async function judgeRequest(door: Door, bytes: Buffer): Promise<void> {
  await judge(door, async () => {
    const text = await exchange(Number(new URL(door.server.url).port), bytes)
    return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0), text }
  })
}

async function judge(door: Door, send: (attempt: number) => Promise<Outcome>): Promise<void> {
  let held = Infinity
  for (let attempt = 0; attempt < ATTEMPTS && held > MAX_HOLD_MS; attempt++) {
    const before = process.threadCpuUsage()
    const { status, text } = await send(attempt)
    const { user, system } = process.threadCpuUsage(before)
    held = (user + system) / 1000
    if (status >= 500 && status !== 503) throw new Error(`status ${String(status)}: ${text.slice(0, 300)}`)
    // 0: closed without an answer. 100 only says that the body may come.
    if (status !== 0 && status !== 100 && !/^cache-control: .*no-store/im.test(text))
      throw new Error(`an answer that may be stored: ${text.slice(0, 300)}`)
    if (text.includes(CANARY) || door.server.logged.splice(0).some((line) => line.includes(CANARY)))
      throw new Error('the canary was let out')
  }
  if (held > MAX_HOLD_MS) throw new Error(`the event loop was held for ${held.toFixed(0)} ms`)
}

function exchange(port: number, bytes: Buffer): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    const socket = connect(port, '127.0.0.1')
    socket.setEncoding('latin1').on('data', (part) => (text += String(part)))
    // The server may close before it has read everything.
    socket
      .on('error', () => undefined)
      .on('close', () => {
        resolve(text)
      })
    socket.end(bytes)
  })
}
