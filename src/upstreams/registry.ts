/** Every platform that the server knows. A new one is a folder and a line here. */
import { auth0TokenVault } from './auth0-token-vault/index.ts'
import { auth0 } from './auth0/index.ts'
import { betterAuth } from './better-auth/index.ts'
import { clerk } from './clerk/index.ts'
import { composio } from './composio/index.ts'
import { descope } from './descope/index.ts'
import { fusionauth } from './fusionauth/index.ts'
import { keycloak } from './keycloak/index.ts'
import { kratos } from './kratos/index.ts'
import { logto } from './logto/index.ts'
import { nango } from './nango/index.ts'
import type { Platform } from './platform.ts'
import { propelauth } from './propelauth/index.ts'
import { vault } from './vault/index.ts'
import { workos } from './workos/index.ts'

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
