/** The example with its backend and a development server of its own, as `npm run example:web` starts it. */
import { startExample } from '../../examples/web/server/start.ts'
import { writeLog } from '../../src/log.ts'

export interface ExampleServer extends AsyncDisposable {
  /** As `http://127.0.0.1:PORT`. */
  readonly url: string
  /** Every line that the graph logged. */
  readonly logged: readonly string[]
}

export async function startExampleServer(accessSeconds?: number): Promise<ExampleServer> {
  const logged: string[] = []
  const log = writeLog('debug', { write: (line) => void logged.push(line) })
  const { url, stop } = await startExample({ port: 0, log, ...(accessSeconds !== undefined && { accessSeconds }) })
  return { url, logged, [Symbol.asyncDispose]: stop }
}
