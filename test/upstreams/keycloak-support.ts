/** A local Keycloak, opened through the options that an operator writes. */
import { keycloak } from '../../src/upstreams/keycloak/index.ts'
import type { KeycloakServer } from '../servers/keycloak.ts'
import { openPlatform } from './open-platform.ts'
import type { OpenedPlatform } from './open-platform.ts'

/** \`tokens\` takes the user's own token as its last argument; left out: a service asks. */
export function openKeycloak({ url: base_url, realm }: KeycloakServer, given: object = {}): OpenedPlatform {
  return openPlatform(keycloak, { base_url, realm, ...given })
}
