/**
 * Which identity provider a name means, and what FusionAuth stores for it: apart from the endpoints, because to give a
 * token away without knowing what it is would leak refresh tokens (docs/platforms/fusionauth.md, section 2).
 */
import { bareProvider, isUuid } from '../kit.ts'

/** What the one opaque `token` of a link is. */
export const tokenKinds = ['access_token', 'refresh_token', 'id_token'] as const
export type TokenKind = (typeof tokenKinds)[number]

/** An entry of the configuration; `id` is in lower case. */
interface Configured {
  readonly id: string
  readonly token: TokenKind
}

/** What a link says of its provider; both in lower case. */
interface LinkedProvider {
  readonly id: string
  readonly type: string | null
}

export interface Providers {
  /** Whether the name can mean a provider at all. */
  knows(name: string): boolean
  /** The name of a link's provider: the configured name, else its type, else its id. */
  nameOf(provider: LinkedProvider): string
  /** The name that the configuration gives to an id; null: none. */
  aliasOf(id: string): string | null
  /** null: neither the configuration nor the documentation says what the token of the link is. */
  kindOf(provider: LinkedProvider): TokenKind | null
}

const documented: ReadonlyMap<string, TokenKind> = new Map([
  ['facebook', 'access_token'],
  ['google', 'id_token'],
  ['apple', 'refresh_token'],
  ['openidconnect', 'refresh_token'],
])

// Of these an instance has one each; of OpenID Connect, SAML and external JWT providers it may have many.
const singleTypes: ReadonlySet<string> = new Set([
  'apple',
  'epicgames',
  'facebook',
  'google',
  'hypr',
  'linkedin',
  'nintendo',
  'sonypsn',
  'steam',
  'twitch',
  'twitter',
  'xbox',
])

/** `configured` is by the name of the provider. */
export function knownProviders(configured: Readonly<Record<string, Configured>>): Providers {
  const byName = new Map(Object.entries(configured).map(([name, entry]) => [bareProvider(name), entry]))
  const byId = new Map([...byName].map(([name, { id, token }]) => [id, { name, token }]))
  return {
    knows: (name) => byName.has(name) || singleTypes.has(name) || isUuid(name),
    aliasOf: (id) => byId.get(id)?.name ?? null,
    nameOf({ id, type }) {
      const alias = byId.get(id)?.name
      return alias ?? (type !== null && singleTypes.has(type) ? type : id)
    },
    kindOf: ({ id, type }) => byId.get(id)?.token ?? documented.get(type ?? '') ?? null,
  }
}
