/** oxlint has a list of rules and no sets: none is lost of the sets that the list was made from. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import js from '@eslint/js'
import tseslint from 'typescript-eslint'
import { expect, it } from 'vitest'
import { root } from '../docs/pages.ts'

/** Rules of the sets that oxlint is not told, by why. */
const left = {
  'oxlint has none': ['@typescript-eslint/no-unsafe-class-instance-assignment'],
  'methods of the objects of Yoga and Zod are plain functions': ['@typescript-eslint/unbound-method'],
  'a module has none': ['no-octal'],
}

it('has every rule of the recommended, strict and stylistic sets', () => {
  const sets = [js.configs.recommended, ...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked]
  const severities = Object.assign({}, ...sets.map(({ rules }) => rules ?? {})) as Record<string, unknown>
  const wanted = Object.keys(severities).filter((rule) => [severities[rule]].flat()[0] !== 'off')
  expect(wanted.length).toBeGreaterThan(100)
  const printed = execFileSync(join(root, 'node_modules/.bin/oxlint'), ['--print-config'], {
    cwd: root,
    encoding: 'utf8',
  })
  const { rules } = JSON.parse(printed) as { rules: Record<string, unknown> }
  const isOn = (rule: string): boolean =>
    [rules[rule]].flat().some((severity) => ['deny', 'error'].includes(String(severity)))
  const missing = wanted.filter((rule) => {
    const name = rule.replace('@typescript-eslint/', '')
    return !isOn(name) && !isOn(`typescript/${name}`)
  })
  expect(missing.toSorted()).toEqual(Object.values(left).flat().toSorted())
})
