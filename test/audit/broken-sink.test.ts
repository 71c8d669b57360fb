/** What cannot be recorded does not leave (docs/promises.md S13): a full disk, a killed reader, a reader that stopped. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { expect, it } from 'vitest'
import { makeFolder } from '../support/folder.ts'
import { recordsOf, verify } from './chain.ts'
import { auditPath, startAudited, withheld } from './graph.ts'

const answered = { data: { user: { oauth_access_tokens: [{ token: 'invented-token-1' }] } } }

it('returns no token while the disk takes nothing, keeps no half record, and goes on when there is room', async () => {
  using folder = makeFolder()
  const path = auditPath(folder)
  // The kernel refuses to grow any file beyond 8 KiB, part of a write included, just as a full disk does.
  await using server = await startAudited(folder, { audit: { sink: 'file', path }, shell: 'ulimit -S -f 8;' })
  let returned = 0
  let answer = await server.askToken()
  while (answer.errors === undefined) {
    expect(answer).toEqual(answered)
    returned += 1
    answer = await server.askToken()
  }
  expect(answer).toEqual(withheld)
  const refused = await Promise.all(Array.from({ length: 20 }, () => server.askToken()))
  for (const one of refused) expect(one).toEqual(withheld)

  expect(returned).toBeGreaterThan(3)
  expect(recordsOf(path)).toHaveLength(returned)
  expect((await verify([path])).broken).toBeNull()
  expect(await server.health()).toBe(200)

  execFileSync('prlimit', ['--pid', String(server.child.pid), '--fsize=unlimited:unlimited'])
  expect(await server.askToken()).toEqual(answered)
  expect(await verify([path])).toMatchObject({ broken: null, records: returned + 1 })
})

it('returns no token when standard output goes to a full device', async () => {
  using folder = makeFolder()
  await using server = await startAudited(folder, { audit: { sink: 'stdout' }, redirect: '> /dev/full' })
  for (let n = 0; n < 3; n++) expect(await server.askToken()).toEqual(withheld)
  expect(server.stderr()).toContain('an answer was withheld')
  expect(server.stderr()).toContain('ENOSPC')
})

it('returns no token once whoever collects standard output was killed', async () => {
  using folder = makeFolder()
  const redirect = '> >(exec tee collected > /dev/null)'
  await using server = await startAudited(folder, { audit: { sink: 'stdout' }, redirect })
  expect(await server.askToken()).toEqual(answered)
  const collector = execFileSync('pgrep', ['--parent', String(server.child.pid), '--exact', 'tee'])
    .toString()
    .trim()
  process.kill(Number(collector), 'SIGKILL')
  for (let n = 0; n < 3; n++) expect(await server.askToken()).toEqual(withheld)
  expect(server.stderr()).toContain('EPIPE')
  expect(await server.health()).toBe(200)
  server.child.kill('SIGTERM')
  expect((await once(server.child, 'close'))[0]).toBe(0)
})

it('returns no token while whoever collects standard output has stopped reading, and stays alive', async () => {
  using folder = makeFolder()
  const redirect = '> >(exec sleep 1000)'
  await using server = await startAudited(folder, { audit: { sink: 'stdout' }, redirect })
  const sleeper = execFileSync('pgrep', ['--parent', String(server.child.pid), '--exact', 'sleep'])
    .toString()
    .trim()
  try {
    // Nobody reads: the pipe takes 64 KiB.
    const answers = await Promise.all(Array.from({ length: 200 }, () => server.askToken()))
    expect(answers.filter(({ errors }) => errors === undefined).length).toBeLessThan(120)
    expect(answers.filter(({ errors }) => errors !== undefined)).not.toHaveLength(0)
    for (const answer of answers) expect([answered, withheld]).toContainEqual(answer)
    expect(await server.askToken()).toEqual(withheld)
    expect(await server.health()).toBe(200)
  } finally {
    process.kill(Number(sleeper), 'SIGKILL')
  }
})
