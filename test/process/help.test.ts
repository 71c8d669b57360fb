/** `--help` of every command: what is not given has a default, and a variable where there is one. */
import { expect, test } from 'vitest'
import { recordHelp } from '../../src/commands/help.ts'
import { accountRecord, recordFields } from '../../src/upstreams/vault/store/record.ts'
import { testFolder } from '../kit/folder.ts'
import { run } from '../kit/process.ts'

async function help(command: string): Promise<string> {
  const { code, stdout } = await run([...command.split(' '), '--help'], { cwd: testFolder().path })
  expect(code).toBe(0)
  // Lines are folded at the width of a terminal.
  return stdout.replaceAll(/\s+/g, ' ')
}

test.each([
  ['serve', ['--config <file>', '(env: TOKENGRAPH_CONFIG)', '--port <number>', '(default: 4000) (env: PORT)']],
  ['serve', ['TOKENGRAPH_HOST (default: 0.0.0.0;', 'LOG_LEVEL (default: info)', 'NAME_FILE']],
  ['init', ['(default: "tokengraph.yaml")', '(default: "vault")', '(default: "my-service")']],
  ['schema', ['(default: 2.9)', 'choices: "2.3", "2.5", "2.9"']],
  ['check-config', ['default: "text"', '(env: TOKENGRAPH_CONFIG)']],
  ['health', ['(default: that of the configuration, such as http://127.0.0.1:4000)']],
  ['completion', ['choices: "bash", "zsh", "fish"']],
  ['keys new', ['(default: "my-service")']],
  ['audit verify', ['left out: the configured file', '(env: TOKENGRAPH_CONFIG)']],
  ['vault import', ['(default: the only one)', '"external_account_id":"1234"', 'Required:', 'Optional:']],
  ['vault remove', ['--user <id> the user (required)']],
  ['vault copy', ['--from <name>', '--to <name> the vault to write (required)']],
])('tokengraph %s --help', async (command, parts) => {
  const text = await help(command)
  for (const part of parts) expect(text).toContain(part)
})

test('the help of an import shows a record that is valid, and every field that one may have', () => {
  const paragraphs = recordHelp.split('\n\n').map((paragraph) => paragraph.trim())
  const line = paragraphs.find((paragraph) => paragraph.startsWith('{')) ?? ''
  expect(accountRecord.safeParse(JSON.parse(line)).success).toBe(true)
  const fields = paragraphs.find((paragraph) => paragraph.startsWith('Required:')) ?? ''
  const [required = '', optional = ''] = fields.replaceAll(/\([^()]*\)/g, '').split('Optional:')
  const namesIn = (text: string): string[] => text.replace('Required:', '').match(/\w+/g) ?? []
  expect([...namesIn(required), ...namesIn(optional)].sort()).toEqual(recordFields.toSorted())
  const missing = accountRecord.safeParse({}).error?.issues.map(({ path }) => String(path[0]))
  expect(namesIn(required).sort()).toEqual(missing?.sort())
})
