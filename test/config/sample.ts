/** A sample with every part of a configuration, and helpers to load a text as a file. */
import { ConfigError, loadConfig } from '../../src/config/load.ts'
import type { Config } from '../../src/config/load.ts'
import type { Problem } from '../../src/config/problems.ts'
import { testFolder } from '../kit/folder.ts'

export const clerkKey = 'sk_test_invented_clerk_key_canary'
export const vaultKey = 'invented-vault-key-canary-0123456789abcdef'
export const env = { CLERK_SECRET_KEY: clerkKey, VAULT_KEY: vaultKey }
export const hash = '0123456789abcdef'.repeat(4)

export const fullSample = `# tokengraph.yaml; \${NAME} reads the environment; unknown keys are errors that name the key and the line
listen: { host: 0.0.0.0, port: 4000 }
mode: production                    # the default with a file; development is the default without
upstreams:
  clerk: { platform: clerk, secret_key: \${CLERK_SECRET_KEY}, base_url: https://api.clerk.com/v1 }
  vault: { platform: vault, path: ./data/tokengraph.sqlite, keys: [ { id: k1, secret: \${VAULT_KEY} } ] }
providers:                          # which upstream answers for which provider; left out: the only upstream answers for all
  oauth_google: clerk
  oauth_salesforce: { upstream: vault, as: salesforce }     # the platform's own name, where it differs
  default: clerk
auth:
  issuers: [ { issuer: https://id.example.com, audience: tokengraph, jwks_url: https://id.example.com/jwks, algorithms: [ES256], user_claim: sub } ]
  services: [ { id: calendar-sync, key_sha256: ${hash}, grants: [ { providers: [oauth_google], fields: [token] } ], schema: true } ]
  owner: { fields: [token, token_secret, id_token] }        # what a user may read of their own tokens
`

/** The least that production accepts; further lines go below. */
export const minimal = `upstreams:
  clerk: { platform: clerk, secret_key: "\${CLERK_SECRET_KEY}" }
auth:
  services: [ { id: reader, key_sha256: ${hash} } ]
`

/** A file with this text in a new folder, which is removed after the test. */
export function writeConfig(text: string | Uint8Array): string {
  return testFolder().write('tokengraph.yaml', text)
}

export function load(text: string, variables: NodeJS.ProcessEnv = env, port: number | null = null): Config {
  return loadConfig({ file: writeConfig(text), env: variables, port })
}

/** The one error that loading throws; fails the test when it throws none or another. */
export function configErrorOf(action: () => unknown): ConfigError {
  try {
    action()
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
  throw new Error('expected a ConfigError')
}

/** `line:column path: message` for each problem of a text. */
export function problemsOf(text: string, variables: NodeJS.ProcessEnv = env): string[] {
  return configErrorOf(() => load(text, variables)).problems.map(showProblem)
}

export function showProblem({ line, column, path, message }: Problem): string {
  const place = line === null ? '' : `${line}:${column} `
  return `${place}${path}: ${message}`
}
