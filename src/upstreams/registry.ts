/** Every platform that the server knows. A new one is a file in this folder and a line here. */
import { auth0 } from './auth0.ts'
import { auth0TokenVault } from './auth0-token-vault.ts'
import { betterAuth } from './better-auth.ts'
import { clerk } from './clerk.ts'
import { composio } from './composio.ts'
import { descope } from './descope.ts'
import { fusionauth } from './fusionauth.ts'
import { keycloak } from './keycloak.ts'
import { kratos } from './kratos.ts'
import { logto } from './logto.ts'
import { nango } from './nango.ts'
import { propelauth } from './propelauth.ts'
import type { Platform } from './upstream.ts'
import { vault } from './vault/vault.ts'
import { workos } from './workos.ts'

export const platforms = {
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
} satisfies Record<string, Platform>

export type PlatformName = keyof typeof platforms
