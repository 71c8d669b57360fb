/** The names that platforms give to providers. */

/** The bare name for platforms whose names have no prefix: `google` for `oauth_google`. */
export function bareProvider(name: string): string {
  return name.startsWith('oauth_') ? name.slice('oauth_'.length) : name
}
