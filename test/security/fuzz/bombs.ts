/** Operations built to cost much for their size; each fits a body, and those above are cut by no other limit first. */
const many = (count: number, part: (n: number) => string, separator = ' ') =>
  Array.from({ length: count }, (_, n) => part(n)).join(separator)

const chain = (count: number, inside: (n: number) => string, end: string) =>
  `{ ...F0 } ${many(count, (n) => `fragment F${String(n)} on Query { ${inside(n + 1)} }`)} fragment F${String(count)} on Query { ${end} }`

const token = 'oauth_access_tokens(provider: "google") { label }'

/** By what they attack. */
export const bombs: Readonly<Record<string, string>> = {
  'a chain of fragments': chain(120, (n) => `...F${String(n)}`, '__typename'),
  'a chain of 400 fragments': chain(400, (n) => `...F${String(n)}`, '__typename'),
  'fragments that double': chain(85, (n) => `...F${String(n)} ...F${String(n)}`, '__typename'),
  'fragments in a circle': chain(80, (n) => `...F${String(n)} ...F0`, '...F0'),
  'all fragments in each operation': `${many(14, (n) => `query Q${String(n)} { ${many(14, (i) => `...F${String(i)}`)} }`)} ${many(14, (n) => `fragment F${String(n)} on Query { me { id } user(id: "u") { id } }`)}`,
  'fields that may conflict': `{ user(id: "u") { ${many(240, () => 'id')} } }`,
  'fields that do conflict': `{ user(id: "u") { ${many(29, (n) => `x: oauth_access_tokens(provider: "${String(n)}") { token }`)} } }`,
  'conflicts of nested fields': `{ ${many(10, () => `user(id: "u") { ${many(10, () => token)} }`)} }`,
  'inline fragments': `{ ${'... { '.repeat(300)} __typename ${'}'.repeat(300)} }`,
  'inline fragments beside each other': `{ ${many(240, () => '... { __typename }')} }`,
  'levels of fields': `${'{a'.repeat(330)}${'}'.repeat(330)}`,
  'levels of lists': `{ user(id: ${'['.repeat(490)}${']'.repeat(490)}) { id } }`,
  'levels of objects': `{ _entities(representations: ${'{a:'.repeat(240)}1${'}'.repeat(240)}) { __typename } }`,
  variables: `query (${many(150, (n) => `$v${String(n)}: ID!`)}) { __typename }`,
  'unused fragments': `{ __typename } ${many(120, (n) => `fragment F${String(n)} on User { id }`)}`,
  'unknown everything': `query (${many(60, (n) => `$v${String(n)}: T${String(n)}`)}) { ${many(19, (n) => `u${String(n)}(a${String(n)}: $w${String(n)}) @skip`)} }`,
  aliases: `{ ${many(101, (n) => `a${String(n)}: __typename`)} }`,
  directives: `{ __typename ${many(300, () => '@skip(if: true)', '')} }`,
  'one long name': `{ ${'a'.repeat(60_000)} }`,
  'one long string': `{ user(id: "${'x'.repeat(60_000)}") { id } }`,
  'one long block of lines': `{ user(id: """${'\n '.repeat(30_000)}""") { id } }`,
  escapes: `{ user(id: "${'\\u{1F600}'.repeat(6000)}") { id } }`,
  'a long number': `{ user(id: ${'9'.repeat(60_000)}) { id } }`,
  comments: `{ __typename } ${'#\n'.repeat(30_000)}`,
  'an unfinished string': `{ user(id: "${'\\'.repeat(60_000)}`,
  'introspection of everything': `{ __schema { types { ${many(9, () => 'fields { name type { name } args { name } }')} } } }`,
  'introspection in circles': `{ __schema { types { ${'fields { type { '.repeat(8)} name ${'} } '.repeat(8)} } } }`,
  'a schema instead of an operation': many(110, (n) => `type T${String(n)} { a: Int }`),
}

/** Operations as clients send them: what the mutations start from. */
export const seeds: readonly string[] = [
  '{ me { id oauth_access_tokens(provider: "oauth_google") { token expires_at scopes } } }',
  'query Q($id: ID!, $p: String = "google") { user(id: $id) { ...F } } fragment F on User { oauth_connection(provider: $p) { status reason } }',
  '{ users(ids: ["user_1", "user_2"]) { id external_accounts { id provider public_metadata } } }',
  '{ oauth_access_tokens(user_id: "user_1", provider: "google", min_validity_seconds: 5) { object token label } }',
  'query ($r: [_Any!]!) { _entities(representations: $r) { ... on User { id oauth_connections { provider status } } } }',
  '{ providers { id upstream platform } __typename }',
  '{ a: user(id: """user_1""") @include(if: true) { id @skip(if: false) } }',
  'mutation { start_connection(input: {provider: "google", user_id: "user_1", return_to: "https://app.example.invalid/", code_challenge: "a"}) { connection_request_id authorization_url } }',
  'mutation { finish_connection(input: {connection_request_id: "a", completion_code: "b", code_verifier: "c"}) { status account { id } } }',
  'mutation { a: disconnect_account(input: {provider: "google", external_account_id: "eac_1", user_id: "user_1"}) { provider_revocation effect } }',
  '{ connection_events(after: "1.2", first: 3) { events { type } cursor } connection_request(id: "a") { status } }',
  ...Object.values(bombs).filter((bomb) => bomb.length < 5000),
]
