/** Every platform that the server knows, each loaded when it is asked for. A new one is a folder and a line here. */
import { createRequire } from 'node:module'
import { extname } from 'node:path'
import type { Platform } from './platform.ts'

const require = createRequire(import.meta.url)
/** Of this module: `.ts` among the sources, `.js` where it is built. */
const extension = extname(import.meta.url)

/** Synchronous, because a configuration is read so. To load all of them takes half a second and 30 MB. */
function load<Module>(folder: string): Module {
  return require(`./${folder}/index${extension}`) as Module
}

// oxfmt-ignore
export const platforms = {
  get 'auth0-token-vault'() { return load<typeof import('./auth0-token-vault/index.ts')>('auth0-token-vault').auth0TokenVault },
  get 'better-auth'() { return load<typeof import('./better-auth/index.ts')>('better-auth').betterAuth },
  get auth0() { return load<typeof import('./auth0/index.ts')>('auth0').auth0 },
  get clerk() { return load<typeof import('./clerk/index.ts')>('clerk').clerk },
  get composio() { return load<typeof import('./composio/index.ts')>('composio').composio },
  get descope() { return load<typeof import('./descope/index.ts')>('descope').descope },
  get fusionauth() { return load<typeof import('./fusionauth/index.ts')>('fusionauth').fusionauth },
  get keycloak() { return load<typeof import('./keycloak/index.ts')>('keycloak').keycloak },
  get kratos() { return load<typeof import('./kratos/index.ts')>('kratos').kratos },
  get logto() { return load<typeof import('./logto/index.ts')>('logto').logto },
  get nango() { return load<typeof import('./nango/index.ts')>('nango').nango },
  get propelauth() { return load<typeof import('./propelauth/index.ts')>('propelauth').propelauth },
  get vault() { return load<typeof import('./vault/index.ts')>('vault').vault },
  get workos() { return load<typeof import('./workos/index.ts')>('workos').workos },
} satisfies Record<string, Platform>

export type PlatformName = keyof typeof platforms
