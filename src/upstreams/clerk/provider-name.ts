/** How Clerk names a provider. */

/** Clerk's own name, `oauth_` + name: SDK documents write it bare, the REST API does not (clerk.md section 2). */
export function prefixed(provider: string): string {
  return provider.startsWith('oauth_') ? provider : `oauth_${provider}`
}
