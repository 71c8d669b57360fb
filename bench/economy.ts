/**
 * `node bench/economy.ts`: upstream calls made / fewest possible, for each shape of platform. 100 users x 3 providers,
 * every key named twice, in one request and in fifty concurrent ones. Counted at the strict servers of the tests.
 */
import { fixtures } from '../test/conformance/fixtures.ts'
import { startConformance } from '../test/conformance/graph.ts'

/** One platform for each way in which an endpoint wants to be called. */
const shapes = { one: 'clerk', many: 'kratos', all: 'fusionauth' } as const

const users = Array.from({ length: 100 }, (_, n) => `user_${String(n)}`)

async function measure(shape: keyof typeof shapes, requests: number): Promise<string> {
  const platform = shapes[shape]
  await using graph = await startConformance(platform, fixtures[platform])
  const { fixture } = graph
  for (const user of users) for (const provider of fixture.providers) await fixture.connect(user, provider)
  const selection = fixture.providers
    .flatMap((provider) => [`a_${provider}`, `b_${provider}`].map((alias) => [alias, provider] as const))
    .map(([alias, provider]) => `${alias}: oauth_access_tokens(provider: "${provider}") { token }`)
    .join(' ')
  const answers = await Promise.all(Array.from({ length: requests }, () => graph.readUsers(users, selection)))
  const failed = answers.find(({ errors }) => errors !== undefined)
  if (failed !== undefined) throw new Error(`${platform}: ${failed.errors?.[0]?.message ?? ''}`)
  const made = graph.callCount()
  const fewest = fixture.fewestCalls(users.length, fixture.providers.length)
  return `${String(made)} / ${String(fewest)} = ${(made / fewest).toFixed(2)}`
}

for (const shape of Object.keys(shapes) as (keyof typeof shapes)[])
  for (const requests of [1, 50])
    console.log(
      `${shape.padEnd(5)} ${shapes[shape].padEnd(11)} requests ${String(requests).padStart(2)}   ${await measure(shape, requests)}`,
    )
