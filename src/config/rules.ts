/**
 * Rules between the parts of a file. They run although other parts failed (zod's `when`), so that every mistake is
 * reported at once, and read the parsed values: a part that failed is null to them and is reported by its own schema.
 */
import type { z } from 'zod'
import { CodedError } from '../errors.ts'
import { closestWord, didYouMean, flattenUnions, valueAt } from '../lib/issues.ts'
import type { Issue, Path } from '../lib/issues.ts'
import type { Secret } from '../lib/secret.ts'
import { isLoopback, isSecure } from '../lib/url.ts'
import { checkProvider, wireProvider } from '../tokens/ids.ts'
import type { RuleParams } from './messages.ts'
import { isMapping } from './problems.ts'
import { fileSchema } from './schema.ts'
import type { FileOptions, Registry } from './schema.ts'

/** A parsed value in which null takes the place of every part that failed. */
type Checked<T> =
  | null
  | (T extends Secret
      ? T
      : T extends readonly (infer Item)[]
        ? readonly Checked<Item>[]
        : T extends object
          ? { readonly [Key in keyof T]: Checked<T[Key]> }
          : T)

type CheckedFile = NonNullable<Checked<FileOptions>>

type Report = (path: Path, message: string, params?: RuleParams) => void

/** What a rule about a key says: the line of the key is shown, not the line of its value. */
const ofKey: RuleParams = { of: 'key' }

/**
 * The schema of the whole file with the rules; `environment.host` is the host where the file has none, and `input` what
 * is parsed: the options of an upstream with a mistake are read from it.
 */
export function checkedFileSchema(
  registry: Registry,
  environment: { readonly host: string | null },
  input: unknown = null,
) {
  return fileSchema(registry).superRefine(
    (value, context) => {
      const file = withoutFailed(value, failedPaths(context.issues)) as Checked<FileOptions>
      if (file === null) return
      const report: Report = (path, message, params = { of: 'value' }) => {
        context.addIssue({ code: 'custom', path: [...path], message, params: { ...params } })
      }
      checkPlainHttp(file, input, report)
      checkHost(file, environment.host, report)
      checkUpstreamKeys(file, input, report)
      checkPorts(file, report)
      checkDrain(file, report)
      checkRoutes(file, report)
      checkAuth(file, report)
      checkAudit(file, report)
      checkDocuments(file, report)
    },
    { when: () => true },
  )
}

function failedPaths(issues: readonly z.core.$ZodRawIssue[]): readonly Path[] {
  return flattenUnions(issues.map((issue) => ({ ...issue, path: issue.path ?? [] }) as Issue))
    .filter(({ code }) => code !== 'unrecognized_keys')
    .map(({ path }) => path as Path)
}

/** A copy with null at the paths; what no path leads to is shared. */
function withoutFailed(value: unknown, paths: readonly Path[]): unknown {
  if (paths.some(({ length }) => length === 0)) return null
  if (paths.length === 0 || value === null || typeof value !== 'object') return value
  const copy = (Array.isArray(value) ? [...(value as unknown[])] : { ...value }) as Record<string | number, unknown>
  for (const key of new Set(paths.flatMap(([first]) => first ?? [])))
    copy[key] = withoutFailed(
      copy[key],
      paths.filter(([first]) => first === key).map((path) => path.slice(1)),
    )
  return copy
}

/** null: the mode itself is not valid, and no rule about it applies. */
function modeOf({ mode = 'production' }: CheckedFile): FileOptions['mode'] | null {
  return mode
}

/** Development mode shows GraphiQL and a key on the terminal: it must not be reachable from other machines. */
function checkHost(file: CheckedFile, environmentHost: string | null, report: Report): void {
  if (modeOf(file) !== 'development' || file.listen === null) return
  const { host = environmentHost } = file.listen
  if (host === null || isLoopback(host) || host === '::1') return
  const message = 'development mode listens on loopback addresses alone; expected 127.0.0.1'
  const isInFile = file.listen.host !== undefined
  report(['listen', 'host'], message, isInFile ? { of: 'value' } : { of: 'value', variable: 'TOKENGRAPH_HOST' })
}

/** Where the graph listens when neither the file nor `PORT` says it. */
const DEFAULT_PORT = 4000

/** Two servers on one port would be found at start, by the system's words. */
function checkPorts({ listen, metrics }: CheckedFile, report: Report): void {
  if (listen === null || metrics == null) return
  const { port = DEFAULT_PORT, host } = listen
  if (port !== metrics.port || port === 0 || port === null) return
  const isShared = host === undefined || host === null || metrics.host === null || host === metrics.host
  const isEveryAddress = [host, metrics.host].some((each) => each === '0.0.0.0' || each === '::')
  if (isShared || isEveryAddress) report(['metrics', 'port'], 'the graph listens on this port; expected another one')
}

function checkDrain({ drain_seconds: drain, unready_seconds: unready }: CheckedFile, report: Report): void {
  if (drain === null || unready == null || unready <= drain) return
  report(['unready_seconds'], `longer than drain_seconds (${String(drain)}), of which it is a part`)
}

/** A key that anybody may know opens nothing; live users' tokens must not be one open page away (docs/quick-start.md). */
function checkUpstreamKeys(file: CheckedFile, input: unknown, report: Report): void {
  const isDevelopment = modeOf(file) === 'development'
  for (const name of Object.keys(file.upstreams ?? {})) {
    const options = valueAt(input, ['upstreams', name])
    for (const [key, value] of Object.entries(isMapping(options) ? options : {}))
      if (typeof value !== 'string') continue
      else if (/^pk_(?:live|test)_/.test(value)) report(['upstreams', name, key], publishableKeyMessage)
      else if (isDevelopment && value.startsWith('sk_live_')) report(['upstreams', name, key], liveKeyMessage)
  }
}

const publishableKeyMessage = 'this is a publishable key, which pages show; expected the secret key'
const liveKeyMessage =
  'a live key; development mode serves a page whose key reads everything: use a test key, or a file with mode: production'

function checkRoutes(file: CheckedFile, report: Report): void {
  if (file.upstreams === null) return
  const names = Object.keys(file.upstreams)
  const isProduction = modeOf(file) === 'production'
  if (names.length === 0 && isProduction) report(['upstreams'], 'production needs at least one upstream', ofKey)
  if (file.providers === null) return

  const routes = Object.entries(file.providers)
  checkProviderNames(Object.keys(file.providers), report)
  if (names.length > 1 && routes.length === 0)
    report(['providers'], 'there are several upstreams: expected a line for each provider, or "default"', ofKey)
  if (names.length === 0 && isProduction) return
  for (const [provider, route] of routes) {
    const isNested = typeof route === 'object' && route !== null
    const upstream = isNested ? route.upstream : (route ?? null)
    if (upstream === null || names.includes(upstream)) continue
    const path = isNested ? ['providers', provider, 'upstream'] : ['providers', provider]
    report(path, `no upstream has this name${didYouMean(upstream, names)}`)
  }
}

/** Only the operator's word sends keys in clear over a network. URLs are the options whose names end in `_url`. */
function checkPlainHttp({ allow_http: allowed, upstreams }: CheckedFile, input: unknown, report: Report): void {
  const names = Object.keys(upstreams ?? {})
  for (const [index, name] of (allowed ?? []).entries())
    if (name !== null && upstreams !== null && !names.includes(name))
      report(['allow_http', index], `no upstream has this name${didYouMean(name, names)}`)
  for (const name of names)
    for (const key of plainHttpOptions(valueAt(input, ['upstreams', name])))
      if (allowed?.includes(name) === false) report(['upstreams', name, key], plainHttpMessage)
}

const plainHttpMessage =
  'expected an https URL; plain http is accepted for loopback addresses, and for upstreams that "allow_http" names'

/** What `serve` logs, and `check-config` prints, for each upstream of `allow_http`. */
export const plainHttpWarning = 'plain http is allowed; keys and tokens can be read on the network of the upstream'

/** The options of an upstream that are plain http URLs to another machine. */
function plainHttpOptions(options: unknown): string[] {
  if (!isMapping(options)) return []
  return Object.keys(options).filter((key) => {
    const value = options[key]
    const url = key.endsWith('_url') && typeof value === 'string' && URL.canParse(value) ? new URL(value) : null
    return url?.protocol === 'http:' && !isSecure(url)
  })
}

const providerNameMessage =
  'expected a provider name such as "oauth_google" or "google": 1 to 100 characters, none of them a control character'

function checkProviderNames(keys: readonly string[], report: Report): void {
  const seen = new Set<string>()
  for (const key of keys.filter((name) => name !== 'default')) {
    const path = ['providers', key]
    const name = canonicalProviderOrNull(key)
    if (name === null) report(path, providerNameMessage, ofKey)
    else if (seen.has(name))
      report(path, 'this provider has a line already; with and without "oauth_" a name means the same', ofKey)
    else if (closestWord(key, ['default']) !== null)
      report(path, 'did you mean "default"? For a provider of this name, write it with "oauth_" in front', ofKey)
    if (name !== null) seen.add(name)
  }
}

/** `oauth_google` for `google`; null for what is no provider name. */
export function canonicalProviderOrNull(name: string): string | null {
  try {
    return wireProvider(checkProvider(name))
  } catch (error) {
    if (error instanceof CodedError) return null
    throw error
  }
}

/** No two credentials that mean different callers, and at least one caller. */
function checkAuth(file: CheckedFile, report: Report): void {
  const { auth } = file
  if (auth === null) return
  checkUnique(auth.services, ['auth', 'services'], 'id', 'another service has this id', report)
  checkUnique(auth.services, ['auth', 'services'], 'key_sha256', 'another service has the same key', report)
  checkUnique(auth.issuers, ['auth', 'issuers'], 'issuer', 'this issuer is listed above already', report)
  checkGrants(auth.services, report)
  const isEmpty = auth.services?.length === 0 && auth.issuers?.length === 0
  if (isEmpty && modeOf(file) === 'production')
    report(['auth'], 'nobody could read anything; add a service or an issuer', ofKey)
}

/** Messages do not show the value: an id may come from a variable that holds a secret by mistake. */
function checkUnique<Key extends string>(
  list: readonly (Readonly<Record<Key, string | null>> | null)[] | null,
  path: Path,
  key: Key,
  message: string,
  report: Report,
): void {
  const seen = new Set<string>()
  for (const [index, entry] of (list ?? []).entries()) {
    const value = entry?.[key] ?? null
    if (value === null) continue
    if (seen.has(value)) report([...path, index, key], message)
    seen.add(value)
  }
}

function checkGrants(services: NonNullable<CheckedFile['auth']>['services'], report: Report): void {
  for (const [service, entry] of (services ?? []).entries())
    for (const [grant, given] of (entry?.grants ?? []).entries())
      for (const [index, name] of (given?.providers ?? []).entries())
        if (name !== null && name !== '*' && canonicalProviderOrNull(name) === null)
          report(['auth', 'services', service, 'grants', grant, 'providers', index], `${providerNameMessage}, or "*"`)
}

function checkAudit({ audit }: CheckedFile, report: Report): void {
  if (audit?.sink === 'file' && audit.key === undefined)
    report(['audit', 'key'], 'missing; a file is only worth something when its records cannot be forged', ofKey)
}

/** A name that no service has would leave a gateway without its operations, which shows only in production. */
function checkDocuments({ documents, auth }: CheckedFile, report: Report): void {
  const ids = auth?.services?.map((service) => service?.id) ?? []
  if (documents === null || typeof documents !== 'object') return
  for (const [index, id] of (documents.free_services ?? []).entries())
    if (id !== null && !ids.includes(id)) report(['documents', 'free_services', index], 'no service has this id')
}
