/**
 * What the one opaque `token` of a link is. To hand it out without knowing would leak refresh tokens: for OpenID
 * Connect it is one, for Google it is the ID token (upstreams/fusionauth.md, "Most important fact").
 */

export const tokenKinds = ['access_token', 'refresh_token', 'id_token'] as const
export type TokenKind = (typeof tokenKinds)[number]

const documented: ReadonlyMap<string, TokenKind> = new Map([
  ['facebook', 'access_token'],
  ['google', 'id_token'],
  ['apple', 'refresh_token'],
  ['openidconnect', 'refresh_token'],
])

/** null: not documented, so that only the operator can know. */
export function kindOfType(type: string): TokenKind | null {
  return documented.get(type) ?? null
}
