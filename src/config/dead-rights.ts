/** Rights that give nothing: they are no mistakes that keep a server from starting, and no operator means them. */
import { unixMs } from '../lib/time.ts'
import { bareProvider, wireProvider } from '../tokens/ids.ts'
import type { Config } from './load.ts'

/** Sentences that begin with the path of the key. */
export function findDeadRights({ auth, mode, providers, upstreams }: Config, now = unixMs()): readonly string[] {
  const served = new Set(Object.keys(providers.routes).map(bareProvider))
  const isServed = (name: string): boolean =>
    name === '*' || providers.default !== null || served.has(bareProvider(name))
  const connects = upstreams.some(({ options }) => isMapping(options) && options.connect !== undefined)
  return auth.services.flatMap(({ id, grants, schema }) => {
    const place = `auth.services[${id}]`
    const nothing =
      grants.length === 0 && !schema ? [`${place}: has no grant and may not read the schema: it may nothing`] : []
    const found = grants.flatMap(({ providers: names, users, expires_at: end, connect }, index) => {
      const path = `${place}.grants[${String(index)}]`
      return [
        ...names
          .filter((name) => !isServed(name))
          .map((name) => `${path}.providers: no upstream serves ${wireProvider(bareProvider(name))}`),
        ...users
          .filter((user) => /^\*./.test(user))
          .map((user) => `${path}.users: ${user} is one user of this name; only an entry that ends in * is a prefix`),
        ...(end !== undefined && Date.parse(end) <= now ? [`${path}.expires_at: the grant has ended`] : []),
        // The demo of development mode connects no accounts, and disconnects its own.
        ...(connect && !connects && mode !== 'development' ? [`${path}.connect: no vault has \`connect\``] : []),
      ]
    })
    return [...nothing, ...found]
  })
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
