/** One line for each platform of the registry: a platform without a line does not compile. */
import { clerk } from './clerk.ts'
import type { Fixtures } from './fixture.ts'
import { vault } from './vault.ts'
import { workos } from './workos.ts'

export const fixtures = { clerk, vault, workos } satisfies Fixtures
