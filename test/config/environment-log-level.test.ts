import { expect, test } from 'vitest'
import { parseEnvironment } from '../../src/config/environment.ts'

test.each([
  ['INFO', 'info'],
  ['Warn', 'warn'],
  ['debug', 'debug'],
  ['TRACE', 'debug'],
  ['warning', 'warn'],
  ['fatal', 'error'],
  ['OFF', 'silent'],
  ['', null],
])('LOG_LEVEL=%s is %s: platforms set it for all their programs', (text, level) => {
  expect(parseEnvironment({ LOG_LEVEL: text })).toMatchObject({ logLevel: level, problems: [] })
})

test.each(['loud', 'constructor', '3'])('LOG_LEVEL=%s is refused', (text) => {
  expect(parseEnvironment({ LOG_LEVEL: text }).problems).toHaveLength(1)
})
