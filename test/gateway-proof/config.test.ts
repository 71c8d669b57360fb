/** The `gateway` part of the configuration. */
import { generateKeyPairSync } from 'node:crypto'
import { expect, it } from 'vitest'
import { gatewayOptions } from '../../src/gateway-proof/options.ts'
import { ConfigError } from '../../src/config/load.ts'
import { configOf } from '../kit/server.ts'
import { KEY } from './support.ts'

const ed25519 = generateKeyPairSync('ed25519')
const public_key = ed25519.publicKey.export({ type: 'spki', format: 'pem' }) as string
const rest = {
  upstreams: { clerk: { platform: 'clerk', secret_key: 'sk_test_invented' } },
  auth: { services: [{ id: 'a', key_sha256: '0'.repeat(64) }] },
}

/** The problems of a file with this part, as `path message`. */
function problemsOf(gateway: unknown): readonly string[] {
  try {
    configOf({ ...rest, gateway })
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.problems.map(({ path, message }) => `${path} ${message}`)
  }
}

it('accepts every kind of proof, with keys of both algorithms', () => {
  const gateway = {
    // The second as .env files keep it: on one line.
    signatures: {
      keys: [KEY, { id: 'b', public_key }, { id: 'c', public_key: public_key.trim().replaceAll('\n', '\\n') }],
    },
    shared_secret: { secrets_sha256: ['0'.repeat(64)] },
    hive_hmac: { secrets: [KEY.secret] },
  }
  expect(problemsOf(gateway)).toEqual([])
  expect(JSON.stringify(configOf({ ...rest, gateway }))).not.toContain(KEY.secret)
})

it.each([
  ['no proof at all', {}, 'gateway expected at least one kind of proof'],
  ['an unknown kind', { mtls: {}, hive_hmac: { secrets: [KEY.secret] } }, 'gateway.mtls'],
  ['no keys', { signatures: { keys: [] } }, 'gateway.signatures.keys'],
  [
    'a short secret',
    { signatures: { keys: [{ id: 'a', secret: 'short' }] } },
    'gateway.signatures.keys[0].secret expected at least 32',
  ],
  ['a key without a secret', { signatures: { keys: [{ id: 'a' }] } }, 'gateway.signatures.keys[0] expected either'],
  ['a key with both', { signatures: { keys: [{ ...KEY, public_key }] } }, 'gateway.signatures.keys[0] expected either'],
  ['two keys with one id', { signatures: { keys: [KEY, KEY] } }, 'gateway.signatures.keys two keys have the same id'],
  [
    'a private key',
    { signatures: { keys: [{ id: 'a', public_key: ed25519.privateKey.export({ type: 'pkcs8', format: 'pem' }) }] } },
    'gateway.signatures.keys[0].public_key expected an Ed25519 public key',
  ],
  [
    'a key of another kind',
    {
      signatures: {
        keys: [
          {
            id: 'a',
            public_key: generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({
              type: 'spki',
              format: 'pem',
            }),
          },
        ],
      },
    },
    'gateway.signatures.keys[0].public_key expected an Ed25519 public key',
  ],
  [
    'a secret in place of its hash',
    { shared_secret: { secrets_sha256: [KEY.secret] } },
    'gateway.shared_secret.secrets_sha256[0] expected the 64',
  ],
  [
    'the header of the credential',
    { shared_secret: { header: 'authorization', secrets_sha256: ['0'.repeat(64)] } },
    'gateway.shared_secret.header',
  ],
  [
    'a short secret of Hive',
    { hive_hmac: { secrets: ['short'] } },
    'gateway.hive_hmac.secrets[0] expected at least 32',
  ],
])('refuses %s', (_what, gateway, problem) => {
  const problems = problemsOf(gateway)
  expect(problems).toHaveLength(1)
  expect(problems[0]).toContain(problem)
  expect(problems[0]).not.toContain(KEY.secret)
})

it('defaults to a window of 60 seconds and documented names', () => {
  const options = gatewayOptions.parse({
    signatures: { keys: [KEY] },
    shared_secret: { secrets_sha256: ['0'.repeat(64)] },
    hive_hmac: { secrets: [KEY.secret] },
  })
  expect(options).toMatchObject({
    signatures: { window_seconds: 60 },
    shared_secret: { header: 'x-gateway-secret' },
    hive_hmac: { extension: 'hmac-signature' },
  })
})
