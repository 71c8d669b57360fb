/** The `limits` and `cors` parts of the configuration (docs/promises.md S11 and S17). */
import { z } from 'zod'

const atLeastOne = z.int().min(1)

/** Former names of keys: refused with a message that gives the new one. */
const renamed = { keys: 'token_reads', viewer_keys: 'caller_rate' }

export const limitsOptions = z
  .strictObject({
    concurrent_requests: atLeastOne
      .max(100_000)
      .default(1000)
      .describe('Requests under way; those beyond are refused at once with OVERLOADED, 503 and `Retry-After`.'),
    loop_delay_ms: z
      .int()
      .min(0)
      .max(10_000)
      .default(10)
      .describe(
        'Milliseconds that the one thread may be late all the time; beyond that fewer requests are accepted, but never fewer than 64 at a time. `0`: it is not looked at.',
      ),
    connections: atLeastOne
      .max(1_000_000)
      .default(20_000)
      .describe('Connections at a time; further ones are closed at once. Keep it below the limit of open files.'),
    header_bytes: z
      .int()
      .min(4096)
      .max(1_048_576)
      .default(16_384)
      .describe('Bytes of the headers of a request, its target included; more are refused with 431.'),
    body_bytes: atLeastOne.max(16_777_216).default(65_536).describe('Bytes of a request body.'),
    // Parsing and measuring are recursive: more tokens could exhaust the stack before another limit is reached.
    tokens: atLeastOne.max(5000).default(1000).describe('Lexical tokens of an operation, comments not counted.'),
    depth: atLeastOne.default(8).describe('Levels of fields below each other.'),
    aliases: z.int().min(0).default(30).describe('Aliases of an operation, `__typename` included.'),
    directives: z.int().min(0).default(10).describe('Directives of an operation.'),
    fields: atLeastOne.default(250).describe('Fields that an operation selects, once its fragments are spread.'),
    root_fields: atLeastOne.default(20).describe('Fields that an operation selects at its root.'),
    objects: atLeastOne
      .default(1000)
      .describe('Objects that an operation asks for: aliases and the entries of lists in its arguments multiply.'),
    token_reads: atLeastOne
      .default(250)
      .describe('Token reads of an operation: distinct pairs of a user and a provider; those beyond are refused.'),
    errors: atLeastOne
      .default(10)
      .describe(
        'Errors of an answer about what the operation does wrong; one more says how many were left out. Of keys that failed each has its own.',
      ),
    validation_errors: atLeastOne.default(5).describe('Mistakes in an operation after which checking it ends.'),
    caller_rate: z
      .strictObject({
        burst: atLeastOne.optional().meta({
          description: 'Token reads that a caller who has been idle may ask for at once.',
          fallback: '10,000; for users what the rate limits of the upstreams allow in a span, 1,000 to 10,000',
        }),
        per_second: z.number().positive().optional().meta({
          description: 'Token reads that a caller may ask for each second.',
          fallback: '1,000; for users what the rate limits of the upstreams allow, 100 to 1,000',
        }),
      })
      .prefault({})
      .meta({ description: 'The rate of one caller, counted in token reads and not in requests.' }),
  })
  .meta({ renamed })

/** How much one request and one caller may ask for. */
export type Limits = z.output<typeof limitsOptions>

/** Schemes of URLs whose pages have another origin than `scheme://host`, or none. */
const schemesWithoutPages = /^(?:ws|wss|ftp|file|blob|data|javascript|about):/
/** Of an app: `capacitor://localhost`, `tauri://localhost`, `chrome-extension://…`. */
const appOrigin = /^[a-z][a-z\d+.-]*:\/\/[a-z\d][a-z\d._-]*(?::\d{1,5})?$/

const origin = z.string().refine(isOrigin, 'expected an origin, without patterns: https://app.example.com')

/** Whether a browser can send the text as `Origin`; it is compared exactly, so that a pattern would never match. */
function isOrigin(value: string): boolean {
  if (value.includes('*') || schemesWithoutPages.test(value)) return false
  const url = URL.parse(value)
  if (url === null) return false
  return url.protocol === 'https:' || url.protocol === 'http:' ? url.origin === value : appOrigin.test(value)
}

const headerName = z
  .string()
  .regex(/^[A-Za-z\d!#$%&'*+.^_`|~-]{1,100}$/, 'expected the name of a header, such as x-client')
  // A browser takes `*` for all headers but `authorization`, which every operation needs.
  .refine((name) => name !== '*', 'expected the name of a header, such as x-client')

export const corsOptions = z.strictObject({
  origins: z.array(origin).default([]).meta({
    description:
      'Origins whose pages may call the graph from a browser, compared exactly; none unless listed. Those of apps have their own schemes: `capacitor://localhost`.',
  }),
  headers: z.array(headerName).default([]).meta({
    description:
      'Request headers that these pages may send beside the usual ones: `authorization`, `content-type`, `x-request-id`, `x-request-timeout-ms`, those of tracing and of Apollo Client.',
  }),
})
