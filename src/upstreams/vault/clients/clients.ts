/** The OAuth clients that the operator registered at providers, and what one presents for an account. */
import { createHmac, createPrivateKey } from 'node:crypto'
import { closestWord, reveal, wireProvider } from '../../kit.ts'
import type { Secret } from '../../kit.ts'
import { findProvider, providerIds } from '../providers/catalogue.ts'
import { templateForms } from '../providers/provider.ts'
import type { CustomProvider, Provider } from '../providers/provider.ts'
import type { ClientFields } from './options.ts'

export interface OAuthClient {
  /** The name in the configuration, and in the `client` column of accounts. */
  readonly name: string
  readonly provider: Provider
  readonly clientId: string
  readonly clientSecret: Secret | null
  readonly privateKey: PrivateKey | null
  readonly clientAuth: Provider['client_auth'][number]
  /** What a connection asks for by itself. */
  readonly scopes: readonly string[]
  readonly userScopes: readonly string[]
  /** For the placeholders in the provider's URLs. */
  readonly values: Readonly<Record<string, string>>
  /** Whether the endpoints of the record are asked of its issuer. */
  readonly isDiscovered: boolean
  /** Changes with the credentials and shows nothing of them. */
  readonly credentialsId: string
}

export interface PrivateKey {
  readonly pem: Secret
  readonly keyId: string | null
  readonly algorithm: 'RS256' | 'PS256' | 'ES256'
}

/** Of OAuth 1.0a: a token and its secret, of a request and later of the account. */
export interface TokenPair {
  readonly token: string
  readonly secret: Secret
}

/** What is known of an account when it is refreshed. */
export interface Grant {
  readonly refreshToken: Secret | null
  readonly accessToken: Secret
  readonly scopes: readonly string[] | null
  /** Members of earlier answers, such as `instance_url`. */
  readonly kept: Readonly<Record<string, string>>
  readonly earlierLifetimeSeconds: number | null
  /** Whole Unix seconds by the clock of the database. */
  readonly nowSeconds: number
}

/** What a configuration says of clients and of providers of its own. */
export interface ClientOptions {
  readonly clients: Readonly<Record<string, ClientFields>>
  readonly providers: Readonly<Record<string, CustomProvider>>
}

/** The problem with one key of the configuration: its path below the vault's, and a sentence without a subject. */
export interface ClientProblem {
  readonly path: readonly string[]
  readonly message: string
}

/** Every client by name. Throws `Error` with the first problem; the configuration was checked by `findProblems`. */
export function readClients(
  options: ClientOptions & { readonly keys: readonly { readonly secret: Secret }[] },
): ReadonlyMap<string, OAuthClient> {
  const [problem] = findProblems(options)
  const key = `tokengraph client credentials ${options.keys.map(({ secret }) => reveal(secret))[0] ?? ''}`
  if (problem !== undefined) throw new Error(`${problem.path.join('.')}: ${problem.message}`)
  return new Map(Object.keys(options.clients).map((name) => [name, toClient(name, options, key)]))
}

/** What is wrong with clients and providers as a whole; what each key may be is checked before. */
export function findProblems({ clients, providers }: ClientOptions): readonly ClientProblem[] {
  return Object.entries(clients).flatMap(([name, client]) => {
    const report = (key: string, message: string): ClientProblem => ({ path: ['clients', name, key], message })
    const id = client.provider ?? name
    const provider = providerOf(id, providers)
    if (provider === null) {
      const near = closestWord(id, [...Object.keys(providers), ...providerIds])
      const hint = near === null ? 'describe it under `providers`' : `did you mean ${near}?`
      return [report('provider', `there is no provider ${id}; ${hint}`)]
    }
    return [...methodProblems(client, provider, report), ...templateProblems(client, provider, report)]
  })
}

type Report = (key: string, message: string) => ClientProblem

function methodProblems(client: ClientFields, provider: Provider, report: Report): readonly ClientProblem[] {
  const method = methodOf(client, provider)
  const accepted = provider.client_auth.join(', ')
  if (!provider.client_auth.includes(method))
    return [report('client_auth', `${provider.title} does not accept ${method}; it accepts ${accepted}`)]
  if (method === 'tls') return [report('client_auth', 'client certificates are not supported yet')]
  const needsKey = method === 'private_key_jwt'
  const needsSecret = method !== 'none' && !needsKey
  if (needsSecret && client.client_secret === undefined)
    return [report('client_secret', `is missing: ${provider.title} expects it (${method})`)]
  if (needsKey && client.private_key === undefined)
    return [report('private_key', `is missing: ${provider.title} expects a signature (${method})`)]
  const keyProblem = needsKey ? problemOfKey(client) : null
  if (keyProblem !== null) return [report('private_key', keyProblem)]
  if (!needsSecret && client.client_secret !== undefined) return [report('client_secret', `is not used with ${method}`)]
  return []
}

/** What the signature of an algorithm needs (RFC 7518 sections 3.3 to 3.5). */
const keyTypes = { RS256: 'rsa', PS256: 'rsa', ES256: 'ec' } as const

/** null: the key can sign so. */
function problemOfKey({ private_key: pem, key_algorithm: algorithm }: ClientFields): string | null {
  if (pem === undefined) return null
  try {
    const { asymmetricKeyType: type, asymmetricKeyDetails: details } = createPrivateKey(reveal(pem))
    const fits = type === keyTypes[algorithm] && (type !== 'ec' || details?.namedCurve === 'prime256v1')
    return fits ? null : `is not a key for ${algorithm}; set \`key_algorithm\` to what the key is for`
  } catch {
    // The message of Node may show a part of the text.
    return 'is not a private key in PEM'
  }
}

function templateProblems({ values }: ClientFields, provider: Provider, report: Report): readonly ClientProblem[] {
  const names = Object.keys(provider.templates)
  return Object.entries(values).flatMap(([name, value]) => {
    const declared = Object.hasOwn(provider.templates, name) ? provider.templates[name] : undefined
    const known = names.length === 0 ? 'its URLs have none' : `its URLs have ${names.join(', ')}`
    if (declared === undefined) return [report('values', `${provider.title} has no placeholder ${name}; ${known}`)]
    if (templateForms[declared.form].test(value)) return []
    return [
      report('values', `${name} does not fit into the URLs of ${provider.title}: expected ${formWords[declared.form]}`),
    ]
  })
}

const formWords = { label: 'one label of a host name', domain: 'a host name', segment: 'one segment of a path' }

function toClient(name: string, { clients, providers }: ClientOptions, key: string): OAuthClient {
  const fields = clients[name]
  const provider = fields === undefined ? null : providerOf(fields.provider ?? name, providers)
  if (fields === undefined || provider === null) throw new Error(`clients.${name}: there is no such provider`)
  const { client_id: clientId, client_secret: clientSecret = null, private_key: pem = null } = fields
  const privateKey = pem === null ? null : { pem, keyId: fields.key_id ?? null, algorithm: fields.key_algorithm }
  const secrets = [clientSecret, pem].map((secret) => (secret === null ? '' : reveal(secret)))
  return {
    name,
    provider,
    clientId,
    clientSecret,
    privateKey,
    clientAuth: methodOf(fields, provider),
    scopes: fields.scopes,
    userScopes: fields.user_scopes,
    values: fields.values,
    isDiscovered: isDiscovered(providers[provider.id]),
    credentialsId: createHmac('sha256', key)
      .update(JSON.stringify([clientId, ...secrets]))
      .digest('base64url'),
  }
}

function methodOf({ client_auth: chosen, private_key: key }: ClientFields, provider: Provider) {
  const [first = 'post'] = provider.client_auth
  if (chosen !== undefined) return chosen
  return key !== undefined && provider.client_auth.includes('private_key_jwt') ? 'private_key_jwt' : first
}

function providerOf(id: string, own: ClientOptions['providers']): Provider | null {
  const described = Object.hasOwn(own, id) ? own[id] : undefined
  if (described === undefined) return findProvider(id)
  const { title = id, issuer, authorize_url: authorize, token_url: token } = described
  // What the issuer has not said yet is never asked: `isDiscovered`.
  return { ...described, id, title, authorize_url: authorize ?? issuer ?? '', token_url: token ?? issuer ?? '' }
}

function isDiscovered(described: CustomProvider | undefined): boolean {
  return described?.issuer != null && described.token_url === undefined
}

/** The client that a row names, or the one that stands for its provider. */
export function findClient(
  clients: ReadonlyMap<string, OAuthClient>,
  { provider, client }: { readonly provider: string; readonly client: string | null },
): OAuthClient | null {
  if (clients.size === 0) return null
  const isOfProvider = (found: OAuthClient): boolean => wireProvider(found.provider.id) === provider
  if (client !== null) {
    const named = clients.get(client)
    return named !== undefined && isOfProvider(named) ? named : null
  }
  const own = [...clients.values()].filter(isOfProvider)
  return own.find(({ name, provider: { id } }) => name === id) ?? (own.length === 1 ? (own[0] ?? null) : null)
}
