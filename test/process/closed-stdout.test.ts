/** `tokengraph schema | head`: a reader that closes the pipe early is no failure. */
import { expect, it } from 'vitest'
import { makeFolder } from '../kit/folder.ts'
import { start } from '../kit/process.ts'

it.each(['schema', 'schema --introspection', 'keys new', 'check-config'])(
  'tokengraph %s ends without an error when its output is not read',
  async (command) => {
    using folder = makeFolder()
    await using started = start(command.split(' '), { cwd: folder.path })
    // Closed long before the command prints, so that its first write fails with EPIPE.
    started.child.stdout?.destroy()
    expect(await started.ended).toEqual({ code: 0, stdout: '', stderr: '' })
  },
)
