/** Some 5,000 names that somebody who knows what this server is for would try. */
const nouns =
  `access account address admin alias api app application audience audit auth authorization avatar batch bearer
  billing calendar callback card cart channel claim client code comment company config configuration connection consent
  contact credential customer data debug device document domain email entity environment error event expiry export
  external_account feature feed field file flag folder group header health history host id identity image import info
  integration invite invoice issuer item job key label language link list location log login mail me member message
  metadata metric mode name node note notification oauth object offset order organization owner page parent password path
  payment permission phone platform plan policy post price product profile project provider query queue rate reason
  record refresh region report request resource response result role root route rule schema scope search secret section
  server service session setting signature site source status store subject subscription system table tag task team
  tenant text thread ticket time timestamp title token topic trace type update upload upstream url user username value
  vault vendor version viewer webhook workspace zone`.split(/\s+/)

const prefixes = ['', 'all_', 'my_', 'get_', 'oauth_', 'oauth_access_', 'external_', 'provider_', 'public_']
const suffixes = ['', 's', '_id', '_ids']

const pascal = (name: string) => name.replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase())

export const guesses: readonly string[] = [
  ...new Set([
    ...prefixes.flatMap((prefix) => nouns.flatMap((noun) => suffixes.map((suffix) => `${prefix}${noun}${suffix}`))),
    ...nouns.flatMap((noun) => [pascal(noun), pascal(`oauth_${noun}`), pascal(`access_${noun}`), noun.toUpperCase()]),
    ...[
      'OAuthAccessToken',
      'OAuthConnection',
      'ExternalAccount',
      'UnixTimestamp',
      'JSON',
      'CONNECTED',
      'NOT_CONNECTED',
    ],
    ...[
      'object',
      'expires_at',
      'created_at',
      'scopes',
      'label',
      'token_secret',
      'id_token',
      'missing_scopes',
      'retry_after_ms',
    ],
  ]),
].filter((name) => name !== '')
