import { expect, test } from 'vitest'
import { parseEnvironment } from '../../src/config/environment.ts'
import { loadConfig } from '../../src/config/load.ts'
import { makeFolder } from '../kit/folder.ts'

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

test.each([
  [{}, null],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318/' }, 'http://collector:4318/v1/traces'],
  [
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://a.example', OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://b.example/t' },
    'https://b.example/t',
  ],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'https://a.example', OTEL_TRACES_EXPORTER: 'none' }, null],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'https://a.example', OTEL_SDK_DISABLED: 'true' }, null],
])('the variables of OpenTelemetry %j send spans to %s', (env, endpoint) => {
  expect(parseEnvironment(env)).toMatchObject({ tracing: endpoint === null ? null : { endpoint }, problems: [] })
})

test('an address of a collector that is none is refused by the name of its variable', () => {
  expect(parseEnvironment({ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' }).problems).toMatchObject([
    { path: 'OTEL_EXPORTER_OTLP_ENDPOINT' },
  ])
})

test('OTEL_SDK_DISABLED turns off the spans that a file asks for', () => {
  using folder = makeFolder()
  const file = folder.write(
    'tokengraph.yaml',
    'mode: development\ntracing: { endpoint: http://collector:4318/v1/traces }\n',
  )
  expect(loadConfig({ file, env: {} }).tracing).toEqual({ endpoint: 'http://collector:4318/v1/traces' })
  expect(loadConfig({ file, env: { OTEL_SDK_DISABLED: 'TRUE' } }).tracing).toBeNull()
})
