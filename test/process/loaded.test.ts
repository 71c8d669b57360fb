/** What a server that nobody asks has loaded: memory, and time of each start. */
import { expect, it } from 'vitest'
import { start } from '../kit/process.ts'
import { testFolder } from '../kit/folder.ts'

/** On SIGUSR2 the process says which of Node's own modules it has loaded. */
const tell = `process.on('SIGUSR2', () => console.error('loaded ' + process.moduleLoadList.join() + ' end'))`

it('a server loads none of fetch, WebSocket and streams of the web, which it does not use', async () => {
  const { path: cwd } = testFolder()
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(tell)}` }
  await using server = start(['serve', '--port', '0'], { cwd, env })
  await server.seen(/"msg":"listening"/)
  server.child.kill('SIGUSR2')
  const [loaded] = await server.seen(/loaded .* end/)
  expect(loaded).toContain('NativeModule http,')
  expect(loaded).not.toContain('internal/deps/undici')
  expect(loaded).not.toContain('internal/webstreams')
})
