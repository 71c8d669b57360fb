/** Every platform that the server knows. A new one is a file in this folder and a line here. */
import { clerk } from './clerk.ts'
import type { Platform } from './upstream.ts'
import { vault } from './vault/vault.ts'
import { workos } from './workos.ts'

export const platforms = { clerk, vault, workos } satisfies Record<string, Platform>

export type PlatformName = keyof typeof platforms
