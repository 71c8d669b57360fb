import type { Plugin } from 'graphql-yoga'
import { asksForPage } from '../http/policy.ts'

/** GraphiQL for development mode, served from this machine: it loads nothing from elsewhere. */

export interface Page {
  /** The bytes of the page, in UTF-8. */
  html(): Promise<Uint8Array<ArrayBuffer>>
}

/** GraphiQL with a first query and credentials filled in; loaded and rendered once, when somebody opens it. */
export function createPage(query: string, key: string): Page {
  let rendered: Promise<Uint8Array<ArrayBuffer>> | undefined
  return { html: () => (rendered ??= render(query, key)) }
}

async function render(query: string, key: string): Promise<Uint8Array<ArrayBuffer>> {
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql')
  const headers = JSON.stringify({ Authorization: `Bearer ${key}` })
  return new TextEncoder().encode(renderGraphiQL({ title: 'tokengraph', defaultQuery: query, headers }))
}

/** The page of development mode. After the HTTP policy, which refuses names that are not this machine's. */

export function usePage(page: Page): Plugin {
  return {
    async onRequest({ request, endResponse }) {
      if (asksForPage(request.method, request.headers.get('accept')))
        endResponse(new Response(await page.html(), { headers: { 'content-type': 'text/html; charset=utf-8' } }))
    },
  }
}
