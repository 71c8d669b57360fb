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
}

export type HttpTuning = z.output<z.ZodObject<typeof httpOptionFields>>

/** The common options out of a platform's own: `openHttp({ ...httpTuning(options), upstream: name, … })`. */
export function httpTuning({ concurrency, timeout_ms }: HttpTuning): HttpTuning {
  return { concurrency, timeout_ms }
}
