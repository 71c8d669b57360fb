/** `kill -9` between a change and its delivery: every event is there, delivered at least once, and in the order of its account. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { vault } from '../../../src/upstreams/vault/index.ts'
import { openStore } from '../../../src/upstreams/vault/store/store.ts'
import { builtProcess } from '../../kit/built.ts'
import { testFolder } from '../../kit/folder.ts'
import { randomFrom, seed } from '../../kit/random.ts'
import { eventually } from '../disconnect/scene.ts'
import { OLD_SECRET, startReceiver } from './scene.ts'

const ROUNDS = 6

test('a process that is killed at any moment loses no event and repeats some', async () => {
  const random = randomFrom(seed)
  const receiver = await startReceiver()
  const options = {
    path: join(testFolder().path, 'vault.sqlite'),
    keys: [{ id: 'k1', secret: 'invented-ring-secret-0123456789-abcdef' }],
    events: { url: receiver.url, secrets: [OLD_SECRET], timeout_ms: 500 },
  }
  const store = await openStore(vault.options.parse(options))
  onTestFinished(() => store.close())
  const committed: string[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const child = fork(builtProcess(join(import.meta.dirname, 'changing-process.ts')), [
      ...[JSON.stringify(options), '100000', `r${String(round)}`],
    ])
    const changes = 5 + Math.floor(random() * 40)
    let seen = 0
    await new Promise<void>((resolve) => {
      child.on('message', (user) => {
        committed.push(user as string)
        seen += 1
        if (seen === changes) resolve()
      })
    })
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  interface Row {
    readonly id: string
    readonly row_id: string
    readonly user_id: string
    readonly type: string
    readonly generation: number
  }
  const written = () => store.sql.run<Row>('SELECT id, row_id, user_id, type, generation FROM events ORDER BY seq')
  // Those that a killed process had claimed come when its lease is over.
  await store.sql.run('UPDATE events SET next_attempt_ms = 0 WHERE delivered_at_ms IS NULL')
  const upstream = vault.open(vault.options.parse(options), { observe: () => undefined })
  onTestFinished(() => upstream.close())
  await eventually(async () => {
    expect(await store.sql.run('SELECT id FROM events WHERE delivered_at_ms IS NULL')).toEqual([])
  })
  const rows = await written()
  expect(rows.length).toBeGreaterThanOrEqual(committed.length)
  expect(new Set(rows.map(({ row_id, generation, type }) => `${row_id} ${String(generation)} ${type}`)).size).toBe(
    rows.length,
  )
  expect(receiver.refused).toEqual([])
  expect(new Set(receiver.taken.map(({ id }) => id))).toEqual(new Set(rows.map(({ id }) => id)))
  for (const user of new Set(rows.map(({ user_id }) => user_id))) {
    const firsts = [...new Set(receiver.taken.filter((each) => each.user === user).map(({ id }) => id))]
    expect(firsts, user).toEqual(rows.filter(({ user_id }) => user_id === user).map(({ id }) => id))
  }
  const listed = await upstream.keeper!.events(null, 10_000, null)
  expect(listed.events.map(({ id }) => id)).toEqual(rows.map(({ id }) => id))
  expect(JSON.stringify(receiver.taken)).not.toContain('invented-')
}, 120_000)
