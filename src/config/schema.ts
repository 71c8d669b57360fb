/** The shape of the configuration file. A new part is one line in `fileSchema`; `Config` has it without another. */
import { z } from 'zod'
import { auditOptions } from '../audit/options.ts'
import { authOptions } from '../auth/options.ts'
import { gatewayOptions } from '../gateway-proof/options.ts'
import { closestWord, ownMessagesOnly } from '../lib/issues.ts'
import { corsOptions, limitsOptions } from '../server/limits/options.ts'
import { metricsOptions, tracingOptions } from '../server/observability/options.ts'
import { documentsOptions } from '../server/trusted-documents/options.ts'
import { isMapping } from './problems.ts'
import { subgraphOptions } from '../schema/options.ts'

/** What the configuration needs to know of a platform; `upstreams/registry.ts` has the real ones. */
export type Registry = Readonly<Record<string, { readonly options: z.ZodType }>>

const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const

export const hostOption = z
  .string()
  .regex(/^[A-Za-z0-9._:-]{1,253}$/, 'expected a host name or an IP address, without brackets and port')
export const portOption = z.int().min(0).max(65_535)
export const logLevelOption = z.enum(logLevels)

const upstreamName = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_-]{0,39}$/, 'expected a name of 1 to 40 letters, digits, _ and -, with a letter first')

const route = z.union([
  z.string().min(1),
  z.strictObject({
    upstream: z.string().min(1).meta({ description: 'The name of the upstream that answers for the provider.' }),
    as: z.string().min(1).max(100).optional().meta({
      description: "The platform's own name of the provider, where it differs: exactly as the platform has it.",
      fallback: 'the same name',
    }),
  }),
])

const listenOptions = z.strictObject({
  host: hostOption.optional().meta({
    description:
      'The address to listen on; the variable `TOKENGRAPH_HOST` where the file has none. Development: loopback only.',
    fallback: '`0.0.0.0`; in development `127.0.0.1`',
  }),
  port: portOption.optional().meta({
    description:
      'The port to listen on, 0 for any free one; `--port` comes first, the variable `PORT` where neither is given.',
    fallback: '`4000`',
  }),
})

const providerRoutes = z
  .object({
    default: z.string().min(1).optional().meta({
      description: 'The upstream that answers for every provider without a line of its own.',
      fallback: 'the only upstream, when no provider has a line; otherwise none',
    }),
  })
  .catchall(route.meta({ description: 'The name of the upstream that answers for this provider.' }))

const cacheOptions = z.strictObject({
  seconds: z.int().min(0).max(300).default(30).meta({
    description:
      'Seconds that the answer of a platform may be used again for its subject, never past the validity of a token; `0` turns it off. A revocation at the platform shows after so long.',
  }),
  entries: z.int().min(1).max(1_000_000).default(10_000).meta({
    description: 'How many answers of one upstream are kept at most; the oldest go first.',
  }),
})

/** One upstream: `platform` chooses the schema of the keys beside it. */
function upstreamEntry(registry: Registry) {
  return z
    .looseObject({
      platform: z.enum(Object.keys(registry)).meta({ description: 'The kind of system that holds the tokens.' }),
    })
    .superRefine(reportMistypedPlatform, { when: () => true })
    .transform(({ platform, ...given }, context) => {
      const result = registry[platform]?.options.safeParse(given, ownMessagesOnly)
      if (result?.success === true) return { platform, options: result.data }
      context.issues.push(...((result?.error.issues ?? []) as z.core.$ZodRawIssue[]))
      return z.NEVER
    })
}

/** Without a platform no key beside it can be checked, but one that is nearly `platform` is the mistake. */
function reportMistypedPlatform(entry: unknown, context: z.RefinementCtx): void {
  if (!isMapping(entry) || entry.platform !== undefined) return
  const keys = Object.keys(entry).filter((key) => closestWord(key, ['platform']) !== null)
  if (keys.length > 0) context.addIssue({ code: 'unrecognized_keys', keys, input: entry })
}

/** The schema of the whole file; `rules.ts` adds the rules between its parts. */
export function fileSchema(registry: Registry) {
  return z.strictObject({
    listen: listenOptions.prefault({}),
    mode: z.enum(['production', 'development']).optional().meta({
      description: 'Development is for one machine: it listens on loopback only and shows GraphiQL.',
      fallback: '`production` with a file, `development` without',
    }),
    upstreams: z.record(upstreamName, upstreamEntry(registry)).prefault({}),
    providers: providerRoutes.prefault({}),
    allow_http: z.array(upstreamName).default([]).meta({
      description:
        'Names of upstreams that may be asked over plain http at private addresses, inside a cluster for example. Their keys and tokens can be read on that network.',
    }),
    auth: authOptions.prefault({}),
    gateway: gatewayOptions,
    audit: auditOptions.prefault({}),
    documents: documentsOptions,
    limits: limitsOptions.prefault({}),
    cors: corsOptions.prefault({}),
    subgraph: subgraphOptions.prefault({}),
    metrics: metricsOptions.optional().meta({ description: 'Prometheus metrics; none are kept without it.' }),
    tracing: tracingOptions.optional().meta({ description: 'OpenTelemetry traces; none are made without it.' }),
    request_timeout_ms: z.int().min(100).max(600_000).default(30_000).meta({
      description:
        'Milliseconds that one request may take; a caller may ask for less in the header `x-request-timeout-ms`. What is not answered by then is an error of its own field.',
    }),
    cache: cacheOptions.prefault({}),
    drain_seconds: z.int().min(0).max(3600).default(10).meta({
      description:
        'Seconds that requests in flight get to finish after SIGTERM, and that the server then has to close.',
    }),
    unready_seconds: z.number().min(0).max(600).optional().meta({
      description:
        'Seconds after SIGTERM for which requests are still accepted while `/ready` already answers 503, so that balancers look away first; a part of `drain_seconds`.',
      fallback: '`3`; in development `0`',
    }),
    log_level: logLevelOption.optional().meta({
      description: 'The least severe line that is logged; the variable `LOG_LEVEL` where the file has none.',
      fallback: '`info`',
    }),
  })
}

/** As parsed; the options of an upstream are what the schema of its platform made of them. */
export type FileOptions = z.output<ReturnType<typeof fileSchema>>
