/** When tokens end: every form of it, for any lifetime, and what it means that an answer has none. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { jwt, now, pair, providerOf, read } from './answers/support.ts'

/** Every form of an expiry, written for a lifetime in seconds. */
const forms: Readonly<Record<string, readonly [provider: string, write: (seconds: number) => object]>> = {
  number: ['google', (s) => ({ expires_in: s })],
  'text of digits': ['google', (s) => ({ expires_in: `${s}` })],
  'text with spaces': ['google', (s) => ({ expires_in: ` ${s} ` })],
  'time in seconds': ['strava', (s) => ({ expires_at: now + s, expires_in: 1 })],
  'time in seconds, as text': ['strava', (s) => ({ expires_at: `${now + s}` })],
  'time in milliseconds': ['custom, at', (s) => ({ expires_at: (now + s) * 1000 })],
  'ISO 8601': ['square', (s) => ({ expires_at: new Date((now + s) * 1000).toISOString() })],
  'ISO 8601 without an offset': [
    'square',
    (s) => ({ expires_at: new Date((now + s) * 1000).toISOString().slice(0, 19) }),
  ],
  'ISO 8601 with an offset': [
    'square',
    (s) => ({ expires_at: `${new Date((now + s + 5400) * 1000).toISOString().slice(0, 19)}+0130` }),
  ],
  'ISO 8601 with a space': [
    'square',
    (s) => ({ expires_at: `${new Date((now + s) * 1000).toISOString().slice(0, 19).replace('T', ' ')} UTC` }),
  ],
  'time in expires_in': ['custom, a time', (s) => ({ expires_in: now + s })],
  'time in expires_in, where the record does not say so': ['google', (s) => ({ expires_in: now + s })],
  milliseconds: ['custom, in ms', (s) => ({ expires_in: s * 1000 })],
  'beside created_at': ['gitlab', (s) => ({ expires_in: s, created_at: now })],
  'beside ext_expires_in': ['microsoft', (s) => ({ expires_in: s, ext_expires_in: s * 2 })],
  expires_on: ['microsoft', (s) => ({ expires_on: `${now + s}` })],
  'expires_at without expires_in': ['google', (s) => ({ expires_at: now + s })],
  'zero beside a time': ['google', (s) => ({ expires_in: 0, expires_at: now + s })],
  'exp of a JWT': ['salesforce', (s) => ({ access_token: jwt({ exp: now + s }) })],
}

describe('expiry', () => {
  const lifetimes = fc.integer({ min: 1, max: 400 * 86_400 })

  it.each(Object.entries(forms))('is read from: %s', (_, [name, write]) => {
    fc.assert(
      fc.property(lifetimes, fc.option(lifetimes, { nil: undefined }), (seconds, earlier) => {
        const sent = earlier === undefined ? {} : { earlier }
        const outcome = read(providerOf(name), { ...pair, ...write(seconds) }, sent)
        expect(outcome.kind === 'tokens' && outcome.tokens.expiry).toMatchObject({
          expiresAt: now + seconds,
          lifetimeSeconds: seconds,
        })
      }),
    )
  })

  it('is read in days, hours and minutes', () => {
    fc.assert(
      fc.property(fc.nat(400), fc.nat(23), fc.integer({ min: 1, max: 59 }), (days, hours, minutes) => {
        const pad = (value: number): string => `${value}`.padStart(2, '0')
        const outcome = read(providerOf('custom'), { ...pair, expires_in: `${days}:${pad(hours)}:${pad(minutes)}` })
        expect(outcome.kind === 'tokens' && outcome.tokens.expiry.lifetimeSeconds).toBe(
          days * 86_400 + hours * 3600 + minutes * 60,
        )
      }),
    )
  })

  it('says nothing where it is over, absent or of no meaning, and then follows the record', () => {
    const nothing = fc.oneof(
      fc.constantFrom(
        undefined,
        null,
        0,
        -1,
        '',
        '0',
        'soon',
        'never',
        true,
        [],
        {},
        '1e9',
        1e18,
        'NaN',
        '2020-01-01T00:00:00Z',
      ),
      fc.integer({ max: 0 }),
      fc.integer({ min: 1e9, max: now }),
    )
    fc.assert(
      fc.property(nothing, nothing, fc.option(lifetimes), (span, time, earlier) => {
        const members = { ...pair, expires_in: span, expires_at: time }
        const expiryOf = (name: string) => {
          const outcome = read(providerOf(name), members, earlier === null ? {} : { earlier })
          return outcome.kind === 'tokens' ? outcome.tokens.expiry : null
        }
        const after = (lifetimeSeconds: number, source: string) => ({
          expiresAt: now + lifetimeSeconds,
          lifetimeSeconds,
          source,
        })
        const without = (source: string) => ({ expiresAt: null, lifetimeSeconds: null, source })
        const before = earlier === null ? null : after(earlier, 'earlier')
        expect(expiryOf('google')).toEqual(before ?? after(3600, 'catalogue'))
        expect(expiryOf('github')).toEqual(before ?? without('never'))
        expect(expiryOf('custom')).toEqual(before ?? without('unknown'))
        expect(expiryOf('shopify')).toEqual(after(3600, 'catalogue'))
        expect(expiryOf('salesforce')).toEqual(without('unknown'))
      }),
    )
  })
})
