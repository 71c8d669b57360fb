/** Answers with tokens, in the shapes in which providers send them; the values are invented. */
import { jwt, now, pair, single } from './support.ts'
import type { Sent } from './support.ts'

export interface Good {
  /** The new refresh token; null: the earlier one stays. */
  readonly rt: string | null
  /** Seconds, or the reason why there is none. */
  readonly lives: number | 'never' | 'unknown'
  readonly scopes?: readonly string[] | null
  readonly type?: string | null
}

// oxfmt-ignore
export const good: readonly (readonly [title: string, provider: string, body: unknown, expected: Good, sent?: Sent])[] = [
  ['google, first', 'google', { ...pair, expires_in: 3599, scope: 'openid email', id_token: 'h.p.s' }, { rt: 'rt-1', lives: 3599, scopes: ['openid', 'email'] }],
  ['google, refresh without a refresh token', 'google', { ...single, expires_in: 3599 }, { rt: null, lives: 3599 }],
  ['google, limited time', 'google', { ...pair, expires_in: 3599, refresh_token_expires_in: 604_799 }, { rt: 'rt-1', lives: 3599 }],
  ['github app', 'github', { ...pair, expires_in: 28_800, refresh_token_expires_in: 15_897_600, scope: '', token_type: 'bearer' }, { rt: 'rt-1', lives: 28_800, scopes: [], type: 'bearer' }],
  ['github app, as a form', 'github', 'access_token=at-1&expires_in=28800&refresh_token=rt-1&refresh_token_expires_in=15897600&scope=&token_type=bearer', { rt: 'rt-1', lives: 28_800, scopes: [], type: 'bearer' }],
  ['github oauth app', 'github', { access_token: 'at-1', scope: 'repo,gist', token_type: 'bearer' }, { rt: null, lives: 'never', scopes: ['repo', 'gist'], type: 'bearer' }],
  ['github app whose answer forgot the expiry', 'github', pair, { rt: 'rt-1', lives: 28_800 }, { earlier: 28_800 }],
  ['slack, bot with rotation', 'slack', { ok: true, ...pair, token_type: 'bot', scope: 'chat:write,users:read', expires_in: 43_200, team: { id: 'T1', name: 'Team' } }, { rt: 'rt-1', lives: 43_200, scopes: ['chat:write', 'users:read'], type: 'bot' }],
  ['slack, bot without rotation', 'slack', { ok: true, access_token: 'at-1', token_type: 'bot', scope: 'chat:write' }, { rt: null, lives: 'never', scopes: ['chat:write'], type: 'bot' }],
  ['slack, the user alone', 'slack', { ok: true, authed_user: { id: 'U1', access_token: 'at-1', refresh_token: 'rt-1', token_type: 'user', scope: 'search:read', expires_in: 40_000 } }, { rt: 'rt-1', lives: 40_000, scopes: ['search:read'], type: 'user' }],
  ['microsoft', 'microsoft', { ...pair, expires_in: 4321, ext_expires_in: 9999, scope: 'User.Read Mail.Read' }, { rt: 'rt-1', lives: 4321, scopes: ['User.Read', 'Mail.Read'] }],
  ['microsoft, ID token of another tenant', 'microsoft', { ...pair, expires_in: 3600, id_token: jwt({ iss: 'https://elsewhere.example' }) }, { rt: 'rt-1', lives: 3600 }],
  ['salesforce, opaque', 'salesforce', { ...single, instance_url: 'https://a.example', id: 'https://a.example/id/1', issued_at: '1800000000123', signature: 's' }, { rt: null, lives: 'unknown' }],
  ['salesforce, opaque, though it once lived for an hour', 'salesforce', single, { rt: null, lives: 'unknown' }, { earlier: 3600 }],
  ['salesforce, JWT', 'salesforce', { ...single, access_token: jwt({ exp: now + 900 }) }, { rt: null, lives: 900 }],
  ['salesforce, JWT that is over', 'salesforce', { ...single, access_token: jwt({ exp: now }) }, { rt: null, lives: 'unknown' }],
  ['atlassian', 'atlassian', { ...pair, expires_in: 3600, scope: 'read:me offline_access' }, { rt: 'rt-1', lives: 3600, scopes: ['read:me', 'offline_access'] }],
  ['xero', 'xero', { ...pair, id_token: 'h.p.s', expires_in: 1800, scope: 'openid accounting.transactions' }, { rt: 'rt-1', lives: 1800, scopes: ['openid', 'accounting.transactions'] }],
  ['x', 'x', { ...pair, token_type: 'bearer', expires_in: 7200, scope: 'tweet.read offline.access' }, { rt: 'rt-1', lives: 7200, scopes: ['tweet.read', 'offline.access'], type: 'bearer' }],
  ['gitlab with created_at', 'gitlab', { ...pair, expires_in: 7200, created_at: now - 3 }, { rt: 'rt-1', lives: 7200 }],
  ['gitlab that forgot the expiry', 'gitlab', { ...pair, created_at: now }, { rt: 'rt-1', lives: 7000 }, { earlier: 7000 }],
  ['notion', 'notion', { access_token: 'at-1', token_type: 'bearer', refresh_token: 'rt-1', bot_id: 'b', workspace_id: 'w', owner: { type: 'user' } }, { rt: 'rt-1', lives: 'never', type: 'bearer' }],
  ['notion without a refresh token', 'notion', { access_token: 'at-1', refresh_token: null }, { rt: null, lives: 'never', type: null }],
  ['quickbooks', 'quickbooks', { ...pair, expires_in: 3600, x_refresh_token_expires_in: 8_726_400 }, { rt: 'rt-1', lives: 3600 }],
  ['shopify that forgot the expiry', 'shopify', { access_token: 'at-1', scope: 'read_products,write_orders' }, { rt: null, lives: 3600, scopes: ['read_products', 'write_orders'], type: null }],
  ['strava, both forms', 'strava', { ...pair, expires_at: now + 21_600, expires_in: 21_599 }, { rt: 'rt-1', lives: 21_600 }],
  ['square', 'square', { ...pair, expires_at: new Date((now + 2_592_000) * 1000).toISOString(), merchant_id: 'M1' }, { rt: 'rt-1', lives: 2_592_000 }],
  ['withings', 'withings', { status: 0, body: { userid: '1', ...pair, expires_in: 10_800, scope: 'user.info,user.metrics' } }, { rt: 'rt-1', lives: 10_800, scopes: ['user.info', 'user.metrics'] }],
  ['douyin, nested and in text', 'custom', { data: { ...pair, expires_in: '86400', error_code: 0 }, message: 'success' }, { rt: 'rt-1', lives: 86_400 }],
  ['tiktok', 'tiktok', { ...pair, expires_in: 7200, refresh_expires_in: 15_552_000, open_id: 'o', scope: 'user.info.basic,video.list' }, { rt: 'rt-1', lives: 7200, scopes: ['user.info.basic', 'video.list'] }],
  ['tiktok business, a time', 'custom, a time', { ...pair, expires_in: now + 5000 }, { rt: 'rt-1', lives: 5000 }],
  ['fiserv, milliseconds', 'custom, in ms', { ...pair, expires_in: 900_000 }, { rt: 'rt-1', lives: 900 }],
  ['tableau, days and hours', 'custom', { ...pair, expires_in: '1:02:30' }, { rt: 'rt-1', lives: 95_400 }],
  ['twitch, scopes as a list', 'twitch', { ...pair, expires_in: 14_124, scope: ['channel:read', 'user:read'], token_type: 'bearer' }, { rt: 'rt-1', lives: 14_124, scopes: ['channel:read', 'user:read'], type: 'bearer' }],
  ['linear, scopes as a list', 'linear', { ...pair, expires_in: 86_399, scope: ['read', 'write'] }, { rt: 'rt-1', lives: 86_399, scopes: ['read', 'write'] }],
  ['figma, access token alone', 'figma', { access_token: 'at-1', expires_in: 7_776_000, token_type: 'bearer' }, { rt: null, lives: 7_776_000, type: 'bearer' }],
  ['mailchimp, zero', 'mailchimp', { access_token: 'at-1', expires_in: 0, scope: null }, { rt: null, lives: 'never', type: null }],
  ['intercom', 'intercom', { token: 'at-1', access_token: 'at-1', token_type: 'Bearer' }, { rt: null, lives: 'never' }],
  ['facebook, exchanged', 'facebook', { access_token: 'at-1', token_type: 'bearer', expires_in: 5_183_944 }, { rt: null, lives: 5_183_944, type: 'bearer' }],
  ['zoho', 'zoho', { access_token: 'at-1', api_domain: 'https://api.example', token_type: 'Bearer', expires_in: 3600 }, { rt: null, lives: 3600 }],
  ['expires_in null', 'google', { ...single, expires_in: null }, { rt: null, lives: 3600 }],
  ['expires_in negative', 'google', { ...single, expires_in: -1 }, { rt: null, lives: 3600 }],
  ['expires_in of no meaning', 'google', { ...single, expires_in: 'soon' }, { rt: null, lives: 3600 }],
  ['an empty refresh token', 'xero', { ...single, refresh_token: '', expires_in: 1800 }, { rt: null, lives: 1800 }],
  ['no token_type', 'xero', { access_token: 'at-1', refresh_token: 'rt-1', expires_in: 1800 }, { rt: 'rt-1', lives: 1800, type: null }],
  ['status 201', 'xero', { ...pair, expires_in: 1800 }, { rt: 'rt-1', lives: 1800 }, { status: 201 }],
  ['a form that repeats a name', 'github', 'access_token=at-1&access_token=at-2&refresh_token=rt-1&refresh_token=rt-2&expires_in=9&token_type=Bearer', { rt: 'rt-1', lives: 9 }],
  ['a JWT that ends after the year 9999', 'salesforce', { ...single, access_token: jwt({ exp: 1e15 }) }, { rt: null, lives: 'unknown' }],
  ['a byte order mark', 'xero', `\ufeff${JSON.stringify({ ...pair, expires_in: 1800 })}`, { rt: 'rt-1', lives: 1800 }],
  ['a byte that is no UTF-8', 'xero', Buffer.from(JSON.stringify({ ...pair, expires_in: 1800, team: 'Gr\u00fcn' }), 'latin1'), { rt: 'rt-1', lives: 1800 }],
  ['an error member that says ok', 'tiktok', { ...pair, expires_in: 7200, error: { code: 'ok', message: '' } }, { rt: 'rt-1', lives: 7200 }],
  ['tokens beside an error', 'google', { ...pair, expires_in: 3600, error: 'invalid_scope' }, { rt: 'rt-1', lives: 3600 }],
]
