/**
 * Accounts of every catalogue entry on a clock that runs through a year: none dies of idleness, none is refreshed where its
 * provider forbids it, and few requests are made for those that nobody uses. `node scripts/refresh-proof.ts years` lets every
 * entry be used at random as well.
 */
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { readCatalogue } from '../../../src/upstreams/vault/providers/catalogue.ts'
import { testFolder } from '../../kit/folder.ts'
import { DAY_MS, HOUR_MS, openSimulation, providerNamed } from './simulation.ts'
import type { PlayedGrant, Simulation } from './simulation.ts'

async function open(id: string, refresh: Readonly<Record<string, unknown>> = {}): Promise<Simulation> {
  const simulation = await openSimulation(join(testFolder().path, 'v.sqlite'), providerNamed(id), refresh)
  onTestFinished(() => simulation.close())
  return simulation
}

const renewable = [...readCatalogue().values()].filter(({ refresh }) => refresh.uses !== 'nothing')

test.each(renewable.map(({ id }) => id))('%s: a year without use', async (id) => {
  const { refresh } = providerNamed(id)
  const simulation = await open(id)
  const grant = await simulation.connectOne('idle')
  const start = simulation.now()
  const days = Math.min(365, (refresh.absolute_seconds ?? Infinity) / 86_400 - 1)
  await simulation.runUntil(start + days * DAY_MS)
  simulation.played.age(grant)
  const staysAlive = refresh.idle_seconds !== null || refresh.latest === 'before_expiry'
  if (staysAlive) expect(grant.alive).toBe(true)
  expect(grant.mistakes).toEqual([])
  expect(grant.posts.length).toBeLessThanOrEqual(mostPosts(id, days))
  // Alive or with no end to its refresh token: a read finds a token.
  expect(await simulation.read('idle')).toBeNull()
})

/** One request for each time that keeps the account alive; none where nothing dies of idleness. */
function mostPosts(id: string, days: number): number {
  const { refresh, access_seconds: access } = providerNamed(id)
  const kept = refresh.keep_alive_seconds ?? (refresh.idle_seconds === null ? Infinity : refresh.idle_seconds / 2)
  const renewed = refresh.latest === 'before_expiry' ? (access ?? 3600) / 2 : Infinity
  return Math.ceil((days * 86_400) / (Math.min(kept, renewed) * 0.9)) + 1
}

const used = ['google', 'github', 'slack', 'microsoft', 'salesforce', 'atlassian', 'xero', 'x', 'instagram', 'twitch']

test.each(used)('%s: sixty days with use now and then', async (id) => {
  const simulation = await open(id, { idle_days: 1 })
  const grant = await simulation.connectOne('used')
  const { random } = seeded(7)
  const start = simulation.now()
  for (let day = 0; day < 60; day += 1 + Math.floor(random() * 12))
    for (let hour = 0; hour < 30; hour += 1 + random() * 3) {
      await simulation.runUntil(start + day * DAY_MS + hour * HOUR_MS)
      expect(await simulation.read('used')).toBeNull()
    }
  expect(grant).toMatchObject({ alive: true, mistakes: [] })
  expect(closePairs(grant, id)).toEqual([])
})

/** Requests of one account that came long before one was due. */
function closePairs({ posts }: PlayedGrant, id: string): readonly number[] {
  const { refresh, access_seconds: access } = providerNamed(id)
  const share = refresh.latest === 'before_expiry' ? 0.4 : 0.6
  return posts.slice(1).filter((at, n) => at - (posts[n] ?? 0) < (access ?? 3600) * 1000 * share)
}

describe('reports of others', () => {
  test('a day without reads costs X nothing; Instagram is renewed while it lives, and dead after', async () => {
    const x = await open('x')
    const idle = await x.connectOne('u1')
    await x.runUntil(x.now() + DAY_MS)
    expect(idle.posts).toEqual([])

    const instagram = await open('instagram')
    const kept = await instagram.connectOne('u1')
    const start = instagram.now()
    await instagram.runUntil(start + 31 * DAY_MS)
    expect(kept.posts).toHaveLength(1)
    await instagram.setTime(start + 100 * DAY_MS)
    instagram.played.age(kept)
    expect(await instagram.read('u1')).toBe('REAUTHORIZATION_REQUIRED')
  })

  test('fleets: accounts that come in the same second are due at different times', async () => {
    const simulation = await open('github')
    await simulation.connect(Array.from({ length: 200 }, (_, n) => `u${String(n)}`))
    const rows = await simulation.store.sql.run<{ due: number }>('SELECT refresh_due_ms AS due FROM accounts')
    const dues = rows.map(({ due }) => due).toSorted((a, b) => a - b)
    const life = (dues.at(-1) ?? 0) - simulation.now()
    expect((dues.at(-1) ?? 0) - (dues[0] ?? 0)).toBeGreaterThan(life * 0.08)
  })
})

function seeded(seed: number) {
  let state = seed
  return {
    random: (): number => {
      state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
      return state / 2_147_483_648
    },
  }
}
