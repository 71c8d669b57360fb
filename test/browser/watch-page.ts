/** What a page asked for and what went wrong in it. */
import type { Page } from 'playwright-core'

export interface Seen {
  /** The address of every request, workers and blobs included; `data:` loads nothing and is left out. */
  readonly requests: readonly string[]
  /** Uncaught errors and what the page or the browser logged as an error. */
  readonly errors: readonly string[]
}

/** From now on. */
export function watchPage(page: Page): Seen {
  const requests: string[] = []
  const errors: string[] = []
  page.on('request', (request) => {
    if (!request.url().startsWith('data:')) requests.push(request.url())
  })
  page.on('websocket', (socket) => requests.push(socket.url()))
  page.on('pageerror', (error) => errors.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text())
  })
  return { requests, errors }
}
