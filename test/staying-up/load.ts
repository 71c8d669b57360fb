/** Callers who ask one after another, for as long as a test lasts. */
import { setTimeout as sleep } from 'node:timers/promises'

export interface Load {
  /** Stops, and tells how many requests there were, and what was wrong with those that failed. */
  stop(): Promise<{ readonly sent: number; readonly failures: readonly string[] }>
}

/** `ask` resolves with null, or with what is wrong. `pauseMs`: between an answer and the next request of a caller. */
export function startLoad(callers: number, ask: (n: number) => Promise<string | null>, pauseMs = 0): Load {
  const failures: string[] = []
  let sent = 0
  let stopped = false
  const running = Array.from({ length: callers }, async () => {
    while (!stopped) {
      const problem = await ask(sent++).catch((error: unknown) => String(error))
      if (problem !== null) failures.push(problem)
      await sleep(pauseMs)
    }
  })
  return {
    async stop() {
      stopped = true
      await Promise.all(running)
      return { sent, failures }
    },
  }
}
