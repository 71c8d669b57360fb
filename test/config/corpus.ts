/** Files with one mistake each and the message of the loader; the published JSON Schema refuses most of them. */
import { platforms } from '../../src/upstreams/registry.ts'
import { hash, minimal } from './sample.ts'

/** The minimal file with one line more, which is line 5. */
const withLine = (line: string): string => `${minimal}${line}\n`
const withClerk = (options: string): string => minimal.replace('platform: clerk,', `platform: clerk, ${options},`)
export const words = (...list: string[]): string => `one of ${list.map((word) => `"${word}"`).join(', ')}`

type Case = readonly [title: string, text: string, expected: string]

/** Mistakes that JSON Schema can express. */
export const mistakes: readonly Case[] = [
  ['an unknown key', withLine('log_levle: info'), '5:1 log_levle: unknown key; did you mean "log_level"?'],
  [
    'an unknown key in camelCase',
    withClerk('baseUrl: x'),
    '2:29 upstreams.clerk.baseUrl: unknown key; did you mean "base_url"?',
  ],
  ['an unknown key like no other', withLine('database: x'), '5:1 database: unknown key'],
  ['a key that does not look like one', withLine(`${'s'.repeat(41)}: x`), '5:1 …: unknown key'],
  ['a nested unknown key', withLine('listen: { prot: 1 }'), '5:11 listen.prot: unknown key; did you mean "port"?'],
  [
    'a key that was renamed',
    withLine('limits: { keys: 5 }'),
    '5:11 limits.keys: unknown key; limits.keys is now limits.token_reads',
  ],
  [
    'a mapping that was renamed',
    withLine('limits: { viewer_keys: { burst: 5 } }'),
    '5:11 limits.viewer_keys: unknown key; limits.viewer_keys is now limits.caller_rate',
  ],
  [
    'a word',
    withLine('mode: prodution'),
    `5:7 mode: expected ${words('production', 'development')}; did you mean "production"?`,
  ],
  [
    'a string for a number',
    withLine('listen: { port: http }'),
    '5:17 listen.port: expected a whole number from 0 to 65535, got a string',
  ],
  [
    'a number out of range',
    withLine('listen: { port: 65536 }'),
    '5:17 listen.port: expected a whole number from 0 to 65535',
  ],
  [
    'a fraction',
    withLine('drain_seconds: 1.5'),
    '5:16 drain_seconds: expected a whole number from 0 to 3600, got a number that is not whole',
  ],
  ['nothing', withLine('listen:'), '5:8 listen: expected a mapping, got nothing'],
  ['a list for a mapping', withLine('listen: [ 1 ]'), '5:9 listen: expected a mapping, got a list'],
  [
    'a number for a string',
    minimal.replace('id: reader', 'id: 7'),
    '4:21 auth.services[0].id: expected a string, got a number; put it in quotes',
  ],
  [
    'yes for true',
    minimal.replace('id: reader', 'id: reader, schema: yes'),
    '4:37 auth.services[0].schema: expected true or false, got a string',
  ],
  [
    'a pattern',
    minimal.replace(hash, 'abc'),
    '4:41 auth.services[0].key_sha256: expected the 64 lower-case hexadecimal digits of a SHA-256',
  ],
  [
    'a missing key',
    minimal.replace('secret_key: "${CLERK_SECRET_KEY}"', ''),
    '2:3 upstreams.clerk.secret_key: missing; expected a string',
  ],
  [
    'a missing key of a list item',
    minimal.replace('id: reader, ', ''),
    '4:15 auth.services[0].id: missing; expected a string',
  ],
  [
    'another scheme than https',
    withClerk('base_url: ftp://example.com'),
    '2:39 upstreams.clerk.base_url: expected an https URL',
  ],
  [
    'an unknown platform',
    minimal.replace('platform: clerk', 'platform: clrek'),
    `2:22 upstreams.clerk.platform: expected ${words(...Object.keys(platforms))}; did you mean "clerk"?`,
  ],
  [
    'a platform from the prototype',
    minimal.replace('platform: clerk', 'platform: toString'),
    `2:22 upstreams.clerk.platform: expected ${words(...Object.keys(platforms))}`,
  ],
  [
    'an address with a port',
    withLine('listen: { host: "[::1]" }'),
    '5:17 listen.host: expected a host name or an IP address, without brackets and port',
  ],
]

/** Rules between parts, which JSON Schema does not express: only the loader refuses these. */
export const loaderOnly: readonly Case[] = [
  [
    'plain http',
    withClerk('base_url: http://example.com'),
    '2:39 upstreams.clerk.base_url: expected an https URL; plain http is accepted for loopback addresses, and for upstreams that "allow_http" names',
  ],
  [
    'plain http for an upstream that is not there',
    withLine('allow_http: [clrek]'),
    '5:14 allow_http[0]: no upstream has this name; did you mean "clerk"?',
  ],
  [
    'another host in development',
    withLine('listen: { host: 10.0.0.1 }\nmode: development'),
    '5:17 listen.host: development mode listens on loopback addresses alone; expected 127.0.0.1',
  ],
  [
    'a live key in development',
    `${minimal.replace('"${CLERK_SECRET_KEY}"', 'sk_live_invented')}mode: development\n`,
    '2:41 upstreams.clerk.secret_key: a live key; development mode serves a page whose key reads everything: use a test key, or a file with mode: production',
  ],
  [
    'a route to an upstream that is not there',
    withLine('providers: { google: clrek }'),
    '5:22 providers.google: no upstream has this name; did you mean "clerk"?',
  ],
  [
    'an audit file without a key',
    withLine('audit: { sink: file }'),
    '5:1 audit.key: missing; a file is only worth something when its records cannot be forged',
  ],
  [
    'a registered service that is not there',
    withLine('documents: { manifest: a.json, free_services: [ readers ] }'),
    '5:49 documents.free_services[0]: no service has this id',
  ],
]

const issuers = (audience: string, rest = ''): string =>
  withLine(
    `  issuers: [ { issuer: a, audience: ${audience}, jwks_url: https://a.example, algorithms: [ES256]${rest} } ]`,
  )

/** In a branch of a union. */
export const unions: readonly (readonly [title: string, text: string])[] = [
  ['an empty list', issuers('[]')],
  ['a number in a list', issuers('[ a, 1 ]')],
  ['a mistyped word', issuers('a').replace('ES256', 'EdDsA')],
  [
    'a mistyped word where * is another',
    minimal.replace('id: reader', 'id: reader, grants: [ { providers: [a], fields: [tokens] } ]'),
  ],
]

export const tenMistakes = `listen: { port: http }
mode: prod
upstreams:
  clerk:
    platform: clerk
    secret_kye: sk_test_literal_canary
    concurrency: 0
  vault: { platform: vualt }
providers:
  google: clrek
  oauth_google: clerk
auth:
  services: [ { id: a b, key_sha256: "\${KEY_HASH}" } ]
drain_second: 5
`
