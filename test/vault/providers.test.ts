/** The catalogue of providers: valid records, and the same endpoints as other catalogues or a reason. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { OAuthConfig } from '@auth/core/providers'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { listProviders, showProvider } from '../../src/commands/providers.ts'
import { findProvider, readCatalogue } from '../../src/upstreams/vault/providers/catalogue.ts'
import { providerRecord, urlsOf } from '../../src/upstreams/vault/providers/provider.ts'
import type { Provider, ProviderInput } from '../../src/upstreams/vault/providers/provider.ts'
import { captureOutput } from '../kit/output.ts'

const records = [...readCatalogue().values()]

/** Fills placeholders with their default, or with `example`. */
function fill(record: Provider, url: string): string {
  return url.replaceAll(/\{([a-z_]+)\}/g, (_, name: string) => record.templates[name]?.default ?? 'example')
}

describe('the catalogue', () => {
  it('has the first eight and at least 40 in all, each once', () => {
    const firstEight = ['google', 'github', 'slack', 'microsoft', 'salesforce', 'atlassian', 'xero', 'x']
    expect(firstEight.filter((id) => !readCatalogue().has(id))).toEqual([])
    expect(readCatalogue().size).toBeGreaterThanOrEqual(40)
    expect(new Set(records.map(({ title }) => title)).size).toBe(readCatalogue().size)
  })

  it.each(records.map((record) => [record.id, record] as const))('%s is complete in itself', (_, record) => {
    expect(providerRecord.parse(record)).toEqual(record)
    for (const url of urlsOf(record)) expect(new URL(fill(record, url)).protocol).toBe('https:')
    const { uses, idle_seconds: idle, rotation } = record.refresh
    if (uses === 'access_token') expect(record.refresh.latest).toBe('before_expiry')
    // Otherwise it would be refreshed at each read, or never.
    if (uses !== 'nothing' && record.answer.expiry !== 'none' && record.access_seconds === null)
      expect(record.answer.missing_expiry).toBe('unknown')
    if (idle !== null && record.access_seconds !== null) expect(idle).toBeGreaterThan(record.access_seconds)
    if (rotation !== null && rotation.mode !== 'never' && rotation.reuse === 'refused')
      expect(rotation.grace_seconds).toBe(0)
  })

  it('says of every record that was not verified what it is from', () => {
    const days = records.map((record) => record.verified_at).filter((day) => day !== null)
    expect([...new Set(days)]).toEqual(['2026-11-25'])
    expect(records.filter(({ docs_url: page }) => page === null)).toEqual([])
  })

  it('is found by either name', () => {
    expect(findProvider('oauth_google')).toBe(findProvider('google'))
    expect(findProvider('google')?.id).toBe('google')
    expect(findProvider('nowhere')).toBeNull()
  })
})

describe('a record is refused', () => {
  const example: ProviderInput = {
    id: 'example',
    title: 'Example',
    authorize_url: 'https://example.com/authorize',
    token_url: 'https://example.com/token',
    client_auth: ['basic'],
    pkce: 'supported',
    refresh: { obtained: 'always', rotation: { mode: 'never' } },
  }
  const refreshing = (refresh: object): object => ({ ...example, refresh: { ...example.refresh, ...refresh } })
  const rotating = (rotation: object): object => refreshing({ rotation })

  it('unless it is like this one', () => {
    expect(providerRecord.safeParse(example).success).toBe(true)
    expect(providerRecord.safeParse(rotating({ mode: 'always', grace_seconds: 0, reuse: 'unknown' })).success).toBe(
      true,
    )
  })

  it.each<[string, object]>([
    ['with a member that it has not', { ...example, scope: 'x' }],
    ['with plain http', { ...example, token_url: 'http://example.com/token' }],
    ['with credentials in a URL', { ...example, token_url: 'https://a:b@example.com/token' }],
    ['with a query in a URL', { ...example, authorize_url: 'https://example.com/authorize?prompt=consent' }],
    ['with a placeholder that is not named', { ...example, token_url: 'https://{shop}.example.com/token' }],
    ['with a placeholder that no URL has', { ...example, templates: { shop: { form: 'label' } } }],
    ['with a brace left open', { ...example, token_url: 'https://example.com/{shop/token' }],
    ['with a separator that nothing uses', { ...example, scopes: { separator: ';' } }],
    ['without client authentication', { ...example, client_auth: [] }],
    ['with neither a secret nor PKCE', { ...example, client_auth: ['none'], pkce: 'ignored' }],
    ['verified without a page', { ...example, verified_at: '2026-11-25' }],
    ['renewed without a word on rotation', refreshing({ rotation: null })],
    ['rotating what is not renewed', refreshing({ uses: 'nothing' })],
    ['with a grace that never rotates', rotating({ mode: 'never', grace_seconds: 60 })],
    ['with a rotation without a grace', rotating({ mode: 'always', reuse: 'refused' })],
    [
      'with an unlimited grace that is refused',
      rotating({ mode: 'always', grace_seconds: 'unlimited', reuse: 'refused' }),
    ],
    ['with a reuse that is accepted for a while', rotating({ mode: 'always', grace_seconds: 60, reuse: 'accepted' })],
    ['idle for longer than it lives', refreshing({ idle_seconds: 100, absolute_seconds: 50 })],
    ['kept alive after its end', refreshing({ idle_seconds: 100, keep_alive_seconds: 100 })],
    ['with an expiry for tokens that have none', { ...example, answer: { expiry: 'none' } }],
    ['with an error of a status alone', { ...example, errors: [{ status: 400, class: 'grant_dead' }] }],
    [
      'with an error that a failing server could cause',
      { ...example, errors: [{ status: 500, code: 'x', class: 'rate' }] },
    ],
    ['with an identity from nowhere', { ...example, identity: { from: 'request', id: 'sub' } }],
  ])('%s', (_, record) => {
    expect(providerRecord.safeParse(record).success).toBe(false)
  })
})

/** A reason where there are differences, and none where there are not. */
function explained(found: readonly string[]) {
  return { found, reason: found.length === 0 ? null : (expect.any(String) as unknown) }
}

/** An endpoint without its query. */
const bare = (url: string): string => url.split('?', 1).join()

describe('compared with the package grant', () => {
  interface GrantRow {
    readonly authorize_url?: string
    readonly access_url?: string
    readonly oauth?: number
    readonly scope_delimiter?: string
  }
  const file = fileURLToPath(import.meta.resolve('grant/config/oauth.json'))
  const rows = JSON.parse(readFileSync(file, 'utf8')) as Readonly<Record<string, GrantRow>>
  const names: Readonly<Record<string, string>> = { x: 'twitter2', quickbooks: 'intuit', 'acrobat-sign': 'echosign' }

  function differences(record: Provider): string[] {
    const row = rows[names[record.id] ?? record.id]
    if (row === undefined) return []
    const theirs = (url = ''): string => bare(url).replaceAll('[subdomain]', 'example')
    return [
      ...(row.oauth === 2 ? [] : ['protocol']),
      ...(theirs(row.authorize_url) === fill(record, record.authorize_url) ? [] : ['authorize_url']),
      ...(theirs(row.access_url) === fill(record, record.token_url) ? [] : ['token_url']),
      ...((row.scope_delimiter ?? record.scopes.separator) === record.scopes.separator ? [] : ['separator']),
    ]
  }

  it('knows at least half of the providers', () => {
    const known = records.filter(({ id }) => (names[id] ?? id) in rows)
    expect(known.length).toBeGreaterThan(records.length / 2)
  })

  it.each(records.map((record) => [record.id, record] as const))('%s is the same, or says why', (_, record) => {
    const found = differences(record)
    expect({ found, reason: record.differs.grant ?? null }).toEqual(explained(found))
  })
})

describe('compared with @auth/core', () => {
  const names: Readonly<Record<string, string>> = {
    ...{ x: 'twitter', clickup: 'click-up' },
    ...Object.fromEntries(
      [
        ...['atlassian', 'bitbucket', 'box', 'discord', 'dropbox', 'facebook', 'figma', 'github', 'gitlab', 'google'],
        ...['hubspot', 'instagram', 'linkedin', 'mailchimp', 'netsuite', 'notion', 'pinterest', 'pipedrive', 'reddit'],
        ...[
          'salesforce',
          'slack',
          'spotify',
          'strava',
          'threads',
          'tiktok',
          'todoist',
          'twitch',
          'webex',
          'zoho',
          'zoom',
        ],
      ].map((name) => [name, name]),
    ),
  }
  const urlOf = (endpoint: unknown): string | null => {
    const url = typeof endpoint === 'string' ? endpoint : (endpoint as { url?: string } | undefined)?.url
    return url === undefined ? null : bare(url)
  }

  /** Sign-in with OpenID Connect is compared by issuer: its endpoints come from discovery. */
  async function differences(record: Provider): Promise<string[]> {
    const name = names[record.id]
    if (name === undefined) return []
    const { default: create } = (await import(`@auth/core/providers/${name}`)) as {
      default: (options: object) => OAuthConfig<object>
    }
    const theirs = create({ clientId: 'example', clientSecret: 'example', accountID: 'example' })
    if (theirs.type !== ('oauth' as string)) {
      const issuer = record.issuer && fill(record, record.issuer)
      return issuer === null || issuer === theirs.issuer ? [] : ['issuer']
    }
    return [
      ...(urlOf(theirs.authorization) === fill(record, record.authorize_url) ? [] : ['authorize_url']),
      ...(urlOf(theirs.token) === fill(record, record.token_url) ? [] : ['token_url']),
    ]
  }

  it.each(records.map((record) => [record.id, record] as const))('%s is the same, or says why', async (_, record) => {
    const found = await differences(record)
    expect({ found, reason: record.differs.auth_core ?? null }).toEqual(explained(found))
  })
})

describe('the command', () => {
  it('lists every provider', () => {
    const output = captureOutput()
    expect(listProviders({}, output)).toBe(0)
    const lines = output.out.text().trimEnd().split('\n')
    expect(lines.slice(1).map((line) => line.split(/\s+/)[0])).toEqual([...readCatalogue().keys()])
    expect(lines.find((line) => line.startsWith('atlassian'))).toMatch(
      /2026-11-25 +1 hour, 90 days without a refresh, 365 days in all +always, the earlier one works for 10 minutes/,
    )
    expect(lines.find((line) => line.startsWith('clickup'))).toMatch(/unverified +no end +-$/)
  })

  it('lists whole records as JSON', () => {
    const output = captureOutput()
    expect(listProviders({ json: true }, output)).toBe(0)
    const lines = output.out.text().trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(records)
  })

  it.each([...readCatalogue().keys()])('shows %s in YAML that is the record', (id) => {
    const output = captureOutput()
    expect(showProvider(id, output)).toBe(0)
    expect(providerRecord.parse(parse(output.out.text()))).toEqual(readCatalogue().get(id))
    expect(output.out.text().startsWith('# Unverified')).toBe(readCatalogue().get(id)?.verified_at === null)
  })

  it('refuses a provider that it has not, and suggests one', () => {
    const output = captureOutput()
    expect(showProvider('gogle', output)).toBe(1)
    expect(output.err.text()).toMatch(/^The catalogue has no such provider; did you mean "google"\?\n/)
    expect(output.out.text()).toBe('')
    const other = captureOutput()
    expect(showProvider('nothing-like-it', other)).toBe(1)
    expect(other.err.text()).toMatch(/^The catalogue has no such provider\n/)
  })
})
