/** `npm run fuzz [-- MINUTES [SEED]]`: both fuzzers for long, with another seed each time unless one is given. */
import { fuzzOperations, fuzzRequests, startFuzzDoor } from '../test/security/fuzz/run.ts'

const ROUND_MS = 60_000

const [minutes = '10', given] = process.argv.slice(2)
const first = given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given)
const end = performance.now() + Number(minutes) * 60_000
let seed = first

await using door = await startFuzzDoor()
while (performance.now() < end) {
  const time_ms = Math.min(ROUND_MS, end - performance.now()) / 2
  console.log(`seed ${String(seed)}`)
  await fuzzOperations(door, { seed, runs: 1_000_000, time_ms })
  await fuzzRequests(door, { seed, runs: 1_000_000, time_ms })
  seed += 1
}
console.log(`nothing found; the first seed was ${String(first)}`)
