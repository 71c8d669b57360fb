/** A server as a process of its own, from any entry file and with any flags of Node. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Served {
  /** What was written to both streams. */
  readonly output: string
  /** The page of development mode, as a browser gets it. */
  readonly page: string
  /** The answer to a query for a token of the demo user. */
  readonly answer: unknown
  readonly exitCode: number | null
}

export interface ServeOptions {
  readonly entry: string
  /** Flags of Node. */
  readonly flags?: readonly string[]
  /** The working directory: an empty folder. */
  readonly cwd: string
}

const query = '{ user(id: "user_demo") { oauth_access_tokens(provider: "x") { token } } }'

/** Starts in development mode, asks for the page and for a token, and stops it by SIGTERM. */
export async function serveOnce({ entry, flags = [], cwd }: ServeOptions): Promise<Served> {
  const child = spawn(process.execPath, [...flags, entry, 'serve', '--port', '0'], {
    cwd,
    env: { PATH: process.env.PATH ?? '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const closed = once(child, 'close') as Promise<[number | null]>
  let output = ''
  const listening = Promise.withResolvers<string>()
  const onText = (text: string): void => {
    output += text
    const [, graph] = /graph +(http:\S+)\s/.exec(output) ?? []
    if (graph !== undefined && output.includes('"msg":"listening"')) listening.resolve(graph)
  }
  child.stdout.setEncoding('utf8').on('data', onText)
  child.stderr.setEncoding('utf8').on('data', onText)
  void closed.then(() => {
    listening.reject(new Error(`the server ended before it listened:\n${output}`))
  })
  try {
    const graph = await listening.promise
    const page = await (await fetch(graph, { headers: { accept: 'text/html' } })).text()
    const response = await fetch(graph, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${readFileSync(join(cwd, 'data/dev.key'), 'utf8').trim()}`,
      },
      body: JSON.stringify({ query }),
    })
    const answer: unknown = await response.json()
    child.kill('SIGTERM')
    const [exitCode] = await closed
    return { output, page, answer, exitCode }
  } finally {
    child.kill('SIGKILL')
  }
}

/** What every start must have done. */
export const works = {
  page: expectPage(),
  answer: { data: { user: { oauth_access_tokens: [{ token: 'demo-x-token' }] } } },
  exitCode: 0,
}

function expectPage(): unknown {
  return { asymmetricMatch: (page: unknown) => typeof page === 'string' && page.includes('user_demo') }
}
