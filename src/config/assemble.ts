/** The parsed parts → the configuration that the server runs with. */
import { resolveAudit } from '../audit/options.ts'
import type { AuditConfig } from '../audit/options.ts'
import { resolveDocuments } from '../server/trusted-documents/options.ts'
import type { DocumentsConfig } from '../server/trusted-documents/options.ts'
import { canonicalProviderOrNull } from './check-routes.ts'
import type { Mode } from '../mode.ts'
import type { Variables } from './environment.ts'
import { resolveListen } from './listen.ts'
import type { Listen } from './listen.ts'
import type { FileOptions } from './schema.ts'
import type { UpstreamConfig } from './upstream-options.ts'

/** The parts of the file that mean something else once the environment and the upstreams are known. */
type Resolved = 'listen' | 'mode' | 'upstreams' | 'providers' | 'audit' | 'documents' | 'unready_seconds' | 'log_level'

interface Route {
  /** The name of the upstream. */
  readonly upstream: string
  /** The platform's own name of the provider; null: the same name. */
  readonly as: string | null
}

interface Providers {
  /** By canonical provider name (`oauth_google`). */
  readonly routes: Readonly<Record<string, Route>>
  /** The upstream that answers for every other provider; null: none does. */
  readonly default: string | null
}

/** Frozen at every depth; its secrets are `Secret` handles. Every other part of the file stands here as parsed. */
export interface Config extends Readonly<Omit<FileOptions, Resolved>> {
  readonly mode: Mode
  readonly source: 'file' | 'environment' | 'development default'
  readonly listen: Listen
  readonly upstreams: readonly UpstreamConfig[]
  readonly providers: Providers
  readonly audit: AuditConfig
  /** null: every operation is executed as it is sent. */
  readonly documents: DocumentsConfig | null
  readonly unready_seconds: number
  readonly log: { readonly level: NonNullable<FileOptions['log_level']> }
}

export interface Parts {
  readonly file: FileOptions
  readonly source: Config['source']
  readonly upstreams: readonly UpstreamConfig[]
  readonly variables: Variables
  readonly portOverride: number | undefined
}

export function assembleConfig({ file, source, upstreams, variables, portOverride }: Parts): Config {
  const { listen, mode: givenMode, providers, audit, documents, unready_seconds, log_level, ...rest } = file
  const mode = givenMode ?? 'production'
  return {
    mode,
    source,
    listen: resolveListen(mode, listen, variables, portOverride),
    ...rest,
    upstreams,
    providers: resolveProviders(providers, upstreams),
    auth: withCanonicalGrants(rest.auth),
    audit: resolveAudit(mode, audit),
    documents: resolveDocuments(mode, documents),
    unready_seconds: unready_seconds ?? (mode === 'production' ? 3 : 0),
    log: { level: log_level ?? variables.log_level ?? 'info' },
  }
}

function resolveProviders(providers: FileOptions['providers'], upstreams: readonly UpstreamConfig[]): Providers {
  const { default: fallback, ...lines } = providers
  const routes = Object.entries(lines).map(([provider, route]): [string, Route] => {
    const { upstream, as = null } = typeof route === 'string' ? { upstream: route } : route
    return [canonical(provider), { upstream, as: as ?? null }]
  })
  const only = routes.length === 0 && upstreams.length === 1 ? upstreams[0]?.name : undefined
  return { routes: Object.fromEntries(routes), default: fallback ?? only ?? null }
}

/** `google` and `oauth_google` in a grant mean the same provider: `oauth_google` from here on. */
function withCanonicalGrants(auth: FileOptions['auth']): FileOptions['auth'] {
  const services = auth.services.map((service) => ({
    ...service,
    grants: service.grants.map((grant) => ({ ...grant, providers: [...new Set(grant.providers.map(canonical))] })),
  }))
  return { ...auth, services }
}

/** The checks ran before: what is no provider name is `*`. */
function canonical(name: string): string {
  return name === '*' ? name : (canonicalProviderOrNull(name) ?? name)
}
