/** A port for a server that has to know its own before it listens. */
import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * Below what Linux (32768), macOS and Windows (49152) give to connections that go out: a port of those, released, may be
 * such a connection's before the server listens.
 */
const FIRST = 10_000
const LAST = 32_767

/** A port of 127.0.0.1 on which nothing listens, chosen by chance: others look for one at the same time. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST + 1))
    const server = createServer().listen(port, '127.0.0.1')
    try {
      await once(server, 'listening')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') continue
      throw error
    }
    await new Promise((resolve) => server.close(resolve))
    return port
  }
}
