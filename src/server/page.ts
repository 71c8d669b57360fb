/** GraphiQL for development mode, served from this machine: it loads nothing from elsewhere. */
import { renderGraphiQL } from '@graphql-yoga/render-graphiql'

export interface Page {
  readonly html: string
}

/** GraphiQL with a first query and credentials filled in; rendered once. */
export function createPage(query: string, key: string): Page {
  return {
    html: renderGraphiQL({
      title: 'tokengraph',
      defaultQuery: query,
      headers: JSON.stringify({ Authorization: `Bearer ${key}` }),
    }),
  }
}
