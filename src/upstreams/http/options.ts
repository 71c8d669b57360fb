/** The options that every platform with an HTTP API has in common: spread into its own, handed on to `openHttp`. */
import { z } from 'zod'

export const httpOptionFields = {
  concurrency: z
    .int()
    .min(1)
    .max(1000)
    .default(50)
    .describe('How many requests to this upstream may be under way at the same time; the rest wait their turn.'),
  timeout_ms: z
    .int()
    .min(100)
    .max(120_000)
    .default(10_000)
    .describe('Milliseconds that one request may take, the wait for its turn and any retry included.'),
  rate: z
    .strictObject({
      requests: z.int().min(1).max(1_000_000).describe('How many requests the platform accepts.'),
      per_seconds: z.number().min(0.1).max(3600).describe('In any span of so many seconds.'),
    })
    .optional()
    .meta({
      description: 'The rate limit of the credential: no request goes out that the platform would refuse.',
      fallback: "the platform's documented limit, where there is one",
    }),
  retries: z
    .int()
    .min(0)
    .max(5)
    .default(2)
    .describe(
      'How often a read is sent again after 429, 502, 503, 504 or a broken connection; a fifth of all requests at most.',
    ),
  breaker: z
    .strictObject({
      minimum_requests: z.int().min(5).max(10_000).default(20).describe('Fewer requests than these never open it.'),
      failure_rate: z
        .number()
        .min(0.05)
        .max(0.95)
        .default(0.5)
        .describe('The share of failed requests (5xx, timeouts, broken connections) above which it opens.'),
    })
    .prefault({})
    .describe('When an upstream that fails is left alone for a while.'),
}

export type HttpTuning = z.output<z.ZodObject<typeof httpOptionFields>>

const everything = z.object(httpOptionFields)

/** What holds where nobody said anything. */
export const httpDefaults: HttpTuning = everything.parse({})

/** The common options out of a platform's own: `openHttp({ ...httpTuning(options), upstream: name, … })`. */
export function httpTuning({ concurrency, timeout_ms, rate, retries, breaker }: HttpTuning): HttpTuning {
  return { concurrency, timeout_ms, rate, retries, breaker }
}
