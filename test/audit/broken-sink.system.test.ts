/** docs/promises.md S13: answers that cannot be recorded are withheld: a full disk, a killed reader, a stopped reader. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { makeFolder } from '../kit/folder.ts'
import { recordsOf, verify } from './chain.ts'
import { auditPath, startAudited, withheld } from './graph.ts'

const answered = { data: { user: { oauth_access_tokens: [{ token: 'invented-token-1' }] } } }

it('withholds tokens while the disk is full, keeps no partial record, and continues when there is room', async () => {
  using folder = makeFolder()
  const path = auditPath(folder)
  // The kernel refuses to grow a file beyond 8 KiB, also in the middle of a write, as a full disk does.
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

it('withholds tokens while standard output is a full device', async () => {
  using folder = makeFolder()
  await using server = await startAudited(folder, { audit: { sink: 'stdout' }, redirect: '> /dev/full' })
  for (let n = 0; n < 3; n++) expect(await server.askToken()).toEqual(withheld)
  expect(server.stderr()).toContain('an answer was withheld')
  expect(server.stderr()).toContain('ENOSPC')
})

it('withholds tokens after the collector of standard output was killed', async () => {
  using folder = makeFolder()
  const redirect = '> >(exec tee collected > /dev/null)'
  await using server = await startAudited(folder, { audit: { sink: 'stdout' }, redirect })
  expect(await server.askToken()).toEqual(answered)
  const collector = execFileSync('pgrep', ['--parent', String(server.child.pid), '--exact', 'tee'])
    .toString()
    .trim()
  process.kill(Number(collector), 'SIGKILL')
  // Its end of the pipe is closed when it has ended.
  while (isRunning(Number(collector))) await sleep(5)
  for (let n = 0; n < 3; n++) expect(await server.askToken()).toEqual(withheld)
  expect(server.stderr()).toContain('EPIPE')
  expect(await server.health()).toBe(200)
  server.child.kill('SIGTERM')
  expect((await once(server.child, 'close'))[0]).toBe(0)
})

/** Not yet ended: a process whose parent has not asked for its exit code is a zombie. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

it('withholds tokens while the collector of standard output does not read, and stays alive', async () => {
  using folder = makeFolder()
  const redirect = '> >(exec sleep 1000)'
  await using server = await startAudited(folder, { audit: { sink: 'stdout' }, redirect })
  const sleeper = execFileSync('pgrep', ['--parent', String(server.child.pid), '--exact', 'sleep'])
    .toString()
    .trim()
  try {
    // Without a reader the pipe takes 64 KiB.
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
