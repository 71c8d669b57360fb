/** Flags of Node that take ways away from an attacker who is already inside. */
import { realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { builtCommand } from '../kit/built.ts'
import { makeFolder } from '../kit/folder.ts'
import { root } from './lockfile.ts'
import { serveOnce, works } from './serve.ts'

const entry = builtCommand()
const code = [fileURLToPath(root), realpathSync(fileURLToPath(new URL('node_modules', root)))]

describe('the server starts, answers and stops under', () => {
  it.each([
    ['--disable-proto=throw', ['--disable-proto=throw']],
    ['--frozen-intrinsics', ['--frozen-intrinsics', '--disable-proto=throw']],
    ['--disallow-code-generation-from-strings', ['--disallow-code-generation-from-strings']],
  ])('%s', async (_, flags) => {
    using folder = makeFolder()
    expect(await serveOnce({ entry, flags, cwd: folder.path })).toMatchObject(works)
  })

  it('--permission: it writes below its working directory alone, and starts no process', async () => {
    using folder = makeFolder()
    const cwd = realpathSync(folder.path)
    const flags = [
      '--permission',
      ...[...code, cwd].map((path) => `--allow-fs-read=${path}`),
      `--allow-fs-write=${cwd}`,
      // The vault and the SQLite file of better-auth are read in a thread.
      '--allow-worker',
      // Node 25 and later ask for it; older ones let every process use the network.
      ...(process.allowedNodeEnvironmentFlags.has('--allow-net') ? ['--allow-net'] : []),
    ]
    expect(await serveOnce({ entry, flags, cwd })).toMatchObject(works)
  })
})
