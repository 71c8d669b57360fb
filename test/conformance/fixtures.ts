/** One line for each platform of the registry: a platform without a line does not compile. */
import { auth0 } from './auth0.ts'
import { auth0TokenVault } from './auth0-token-vault.ts'
import { betterAuth } from './better-auth.ts'
import { clerk } from './clerk.ts'
import { composio } from './composio.ts'
import type { Fixtures } from './fixture.ts'
import { fusionauth } from './fusionauth.ts'
import { keycloak } from './keycloak.ts'
import { kratos } from './kratos.ts'
import { logto } from './logto.ts'
import { nango } from './nango.ts'
import { propelauth } from './propelauth.ts'
import { vault } from './vault.ts'
import { workos } from './workos.ts'
import { descope } from './descope.ts'

export const fixtures = {
  'auth0-token-vault': auth0TokenVault,
  'better-auth': betterAuth,
  auth0,
  clerk,
  composio,
  descope,
  fusionauth,
  keycloak,
  kratos,
  logto,
  nango,
  propelauth,
  vault,
  workos,
} satisfies Fixtures
