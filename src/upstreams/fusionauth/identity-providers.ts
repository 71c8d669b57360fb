/** Which identity provider a name means: FusionAuth knows them by UUID, and some by their type besides. */
import { isUuid } from '../kit.ts'
import { kindOfType, type TokenKind } from './token-kind.ts'

/** The entry of the configuration; `id` is in lower case. */
interface Configured {
  readonly id: string
  readonly token: TokenKind
}

/** What a link says of its provider; both in lower case. */
interface LinkedProvider {
  readonly id: string
  readonly type: string | null
}

export interface IdentityProviders {
  /** Whether the name can mean a provider at all. */
  knows(name: string): boolean
  /** The name of a link's provider: the configured one, else its type, else its id. */
  nameOf(provider: LinkedProvider): string
  /** null: nobody said what the token of the link is. */
  kindOf(provider: LinkedProvider): TokenKind | null
}

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

export function openDirectory(configured: Readonly<Record<string, Configured>>): IdentityProviders {
  const byName = new Map(Object.entries(configured))
  const byId = new Map([...byName].map(([name, { id, token }]) => [id, { name, token }]))
  return {
    knows: (name) => byName.has(name) || singleTypes.has(name) || isUuid(name),
    nameOf({ id, type }) {
      const alias = byId.get(id)?.name
      return alias ?? (type !== null && singleTypes.has(type) ? type : id)
    },
    kindOf: ({ id, type }) => byId.get(id)?.token ?? (type === null ? null : kindOfType(type)),
  }
}
