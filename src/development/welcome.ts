/** What development mode prints: what it did, and the next step. */
import type { Development } from './development.ts'
import { DEMO_USER } from './demo.ts'

/** `url` is where the server listens. The key is shown on purpose: it opens this machine's demo data alone. */
export function welcome({ key, keyFile, vault }: Development, url: string): string {
  const graph = `${url}/graphql`
  const query = JSON.stringify({
    query: `{ user(id: "${DEMO_USER}") { oauth_access_tokens(provider: "google") { label token } } }`,
  })
  const vaultLine =
    vault === null
      ? ''
      : `\n  vault  ${vault.path} (${vault.created ? 'created, with' : 'holds'} the demo user ${DEMO_USER})`
  const next =
    vault === null
      ? `Next: open the graph in a browser and ask for one of your users.`
      : `Next: open the graph in a browser, where the first query is filled in. Or:

  curl -s ${graph} -H "Authorization: Bearer $(cat ${keyFile})" \\
    -H 'Content-Type: application/json' -d '${query}'`
  return `tokengraph runs in development mode, for this machine alone.

  graph  ${graph}
  key    ${key} (${keyFile}; may read everything)${vaultLine}

${next}

`
}
