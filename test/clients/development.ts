/** The development server as `npm start` runs it, on a free port and in a temporary folder. */
import { startServer } from '../../src/main.ts'
import { createPage } from '../../src/server/graphiql.ts'
import { loadConfig } from '../../src/config/load.ts'
import { demoTabs } from '../../src/development/demo.ts'
import { prepareDevelopment } from '../../src/development/development.ts'
import { writeLog } from '../../src/log.ts'
import { makeFolder } from '../kit/folder.ts'

export interface DevelopmentServer extends AsyncDisposable {
  /** `http://127.0.0.1:PORT/graphql` */
  readonly graph: string
  /** The development key. */
  readonly key: string
  /** Every line that the server logged. */
  readonly logged: readonly string[]
}

/** `port` 0: any free port. */
export async function startDevelopment(port = 0): Promise<DevelopmentServer> {
  const folder = makeFolder()
  const configured = loadConfig({ env: {} })
  const { config, key, returnTo } = await prepareDevelopment(
    { ...configured, listen: { host: '127.0.0.1', port } },
    folder.path,
  )
  const logged: string[] = []
  const log = writeLog('debug', { write: (line) => void logged.push(line) })
  const running = await startServer(config, { log, page: createPage(demoTabs(returnTo), key) })
  return {
    graph: `${running.url}/graphql`,
    key,
    logged,
    [Symbol.asyncDispose]: async () => {
      await running.stop()
      folder[Symbol.dispose]()
    },
  }
}
