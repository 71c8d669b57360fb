/** `tokengraph completion` in the shells that the machine has; bash is on every one that runs the tests. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { run } from '../kit/process.ts'
import { testFolder } from '../kit/folder.ts'

const has = (shell: string): boolean => spawnSync(shell, ['--version']).status === 0

async function scriptFor(shell: string): Promise<string> {
  const { path, write } = testFolder()
  const { code, stdout } = await run(['completion', shell], { cwd: path })
  expect(code).toBe(0)
  return write(`completion.${shell}`, stdout)
}

/** What bash offers for the words, of which the last is being written. */
function offered(script: string, ...words: readonly string[]): string[] {
  const text = `source "$1"; shift; COMP_WORDS=(tokengraph "$@"); COMP_CWORD=$#; _tokengraph; printf '%s\\n' "\${COMPREPLY[@]}"`
  const { stdout, stderr } = spawnSync('bash', ['-c', text, 'bash', script, ...words], { encoding: 'utf8' })
  expect(stderr).toBe('')
  return stdout.split('\n').filter(Boolean)
}

test('bash completes commands, their commands and their options', async () => {
  const script = await scriptFor('bash')
  expect(offered(script, '')).toEqual(expect.arrayContaining(['serve', 'vault', 'completion', '--env-file']))
  expect(offered(script, 'va')).toEqual(['vault'])
  expect(offered(script, 'vault', '')).toEqual(expect.arrayContaining(['import', 'list', 'status']))
  expect(offered(script, 'vault', 'import', '--d')).toEqual(['--dry-run'])
  expect(offered(script, 'vault', '--upstream', 'main', 'li')).toEqual(['list'])
  expect(offered(script, 'audit', 'verify', '--format', '--p')).toEqual(['--partial'])
  expect(offered(script, 'no-such-command', 'se')).toEqual(['serve'])
})

test.each(['zsh', 'fish'])(
  '%s: the script names every command, and is well-formed where the shell is there',
  async (shell) => {
    const script = await scriptFor(shell)
    const { stdout } = spawnSync('cat', [script], { encoding: 'utf8' })
    for (const place of [' vault import', ' audit verify', ' check-config']) expect(stdout).toContain(`"${place}"`)
    if (has(shell)) expect(spawnSync(shell, ['-n', script], { encoding: 'utf8' }).stderr).toBe('')
  },
)

test('another shell is refused with the names of those that are there', async () => {
  const { path } = testFolder()
  const { code, stderr } = await run(['completion', 'tcsh'], { cwd: join(path) })
  expect(code).toBe(2)
  expect(stderr).toContain('Allowed choices are bash, zsh, fish')
})
