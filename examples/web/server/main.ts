/** `npm run example:web`: the example, its backend and a development server of its own, until Ctrl-C. */
import { parseArgs } from 'node:util'
import { createLog } from '../../../src/log.ts'
import { startExample } from './start.ts'

const { values } = parseArgs({ options: { port: { type: 'string', default: '5173' } } })
const log = await createLog({ level: 'warn', readable: process.stdout.isTTY })
const example = await startExample({ port: Number(values.port), log }).catch((error: unknown) => {
  process.stderr.write(`The example cannot start: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
})
process.stdout.write(`The example page is at ${example.url}; stop it with Ctrl-C.\n`)

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    void example.stop().then(() => process.exit(0))
  })
