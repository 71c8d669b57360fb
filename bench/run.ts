/**
 * `npm run bench`: tokengraph beside other servers, on this machine. Machines are shared and noisy: compare the figures
 * of one run with each other, not with those of another run.
 */
import { installPeers } from './processes.ts'
import { runShort } from './short.ts'

await installPeers()
await runShort()
