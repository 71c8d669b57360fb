/** GraphiQL for development mode, served from this machine: the page loads nothing from elsewhere. */
import type { Page } from '../http/edge.ts'

/** GraphiQL with a first query and the development key filled in; loaded and rendered when it is first opened. */
export function createPage(query: string, key: string): Page {
  let rendered: Promise<Uint8Array<ArrayBuffer>> | null = null
  return { html: () => (rendered ??= render(query, key)) }
}

async function render(query: string, key: string): Promise<Uint8Array<ArrayBuffer>> {
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql')
  const headers = JSON.stringify({ Authorization: `Bearer ${key}` })
  return new TextEncoder().encode(renderGraphiQL({ title: 'tokengraph', defaultQuery: query, headers }))
}
