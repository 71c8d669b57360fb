/** An unhandled rejection ends the process, and fails the tests (docs/promises.md R13). */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { startClerk } from '../servers/clerk.ts'
import { makeCanary } from '../kit/find-leaks.ts'
import { makeFolder } from '../kit/folder.ts'
import { configure, startReal } from '../kit/real-server.ts'

it.each([
  ['an unhandled rejection', 'void Promise.reject(failure)', 'unhandledRejection'],
  ['an uncaught exception', 'throw failure', 'uncaughtException'],
])('%s ends the server with a line in the log, and exit code 1', async (_, fault, origin) => {
  using folder = makeFolder()
  await using clerk = await startClerk()
  const canary = makeCanary()
  const preload = folder.write(
    'fault.mjs',
    `process.on('SIGUSR2', () => { const failure = new Error(${JSON.stringify(canary)}); ${fault} })`,
  )
  const { process: server } = await startReal(folder, configure(folder, clerk), { NODE_OPTIONS: `--import=${preload}` })
  await using _stop = server
  server.child.kill('SIGUSR2')
  const { code, stdout, stderr } = await server.ended
  expect(code).toBe(1)
  const line = stdout.split('\n').find((text) => text.includes('"level":"fatal"'))
  expect(JSON.parse(line ?? '{}')).toMatchObject({
    origin,
    error: { name: 'Error' },
    msg: 'unexpected error; the process ends',
  })
  // By default Node prints the message, and a foreign message may quote anything.
  expect(stdout + stderr).not.toContain(canary)
})

it.each([
  ['', 0],
  ["void Promise.reject(new Error('nobody handles this'))", 1],
])('the test run after %j ends with exit code %d', async (leftover, expected) => {
  using folder = makeFolder()
  const repository = fileURLToPath(new URL('../..', import.meta.url))
  symlinkSync(join(repository, 'node_modules'), join(folder.path, 'node_modules'))
  mkdirSync(join(folder.path, 'test'))
  folder.write('test/passes.test.ts', `import { it } from 'vitest'\nit('passes', () => { ${leftover} })\n`)
  const args = ['run', '--root', folder.path, '--config', join(repository, 'vitest.config.ts')]
  const run = spawn(join(repository, 'node_modules/.bin/vitest'), args, { stdio: 'ignore' })
  const [code] = (await once(run, 'close')) as [number]
  expect(code).toBe(expected)
})
