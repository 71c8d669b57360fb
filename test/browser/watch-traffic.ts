/** The requests of a page to one address, and how they ended. */
import type { Page, Request } from 'playwright-core'

export interface Traffic {
  readonly requests: readonly Request[]
  /** How many have not ended yet. */
  readonly open: number
}

/** From now on; blocked and refused requests end, too. */
export function watchTraffic(page: Page, url: string): Traffic {
  const requests: Request[] = []
  const open = new Set<Request>()
  page.on('request', (request) => {
    if (!request.url().startsWith(url)) return
    requests.push(request)
    open.add(request)
  })
  page.on('requestfinished', (request) => open.delete(request))
  page.on('requestfailed', (request) => open.delete(request))
  return {
    requests,
    get open() {
      return open.size
    },
  }
}
