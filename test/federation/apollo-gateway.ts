/** Apollo Gateway's own planner and executor behind an HTTP server: the part of Apollo Server that this suite needs. */
import { hash } from 'node:crypto'
import { composeServices } from '@apollo/composition'
import { ApolloGateway, RemoteGraphQLDataSource } from '@apollo/gateway'
import { getOperationAST, parse, print } from 'graphql'
import type { ExecutionArgs } from 'graphql'
import { createYoga } from 'graphql-yoga'
import type { Plugin } from 'graphql-yoga'
import type { Subgraph } from '../../examples/supergraph/compose.ts'
import { listen } from '../../src/http/node.ts'
import type { StartGateway } from './gateway.ts'

/** What the gateway's context holds; left out while it loads. */
interface Caller {
  readonly authorization?: string | null
}

type Executor = Awaited<ReturnType<ApolloGateway['load']>>['executor']

export const startApolloGateway: StartGateway = (options) =>
  startWith(options, ({ url = '' }) => {
    const { forwardAuthorization } = options
    return new RemoteGraphQLDataSource({
      url,
      willSendRequest({ request, context }) {
        const { authorization = null } = context as Caller
        if (forwardAuthorization && authorization !== null) request.http?.headers.set('authorization', authorization)
      },
    })
  })

type BuildService = NonNullable<ConstructorParameters<typeof ApolloGateway>[0]>['buildService']

/** With data sources that take the place of those that forward the header. */
export function apolloGatewayWith(buildService: BuildService): StartGateway {
  return (options) => startWith(options, buildService)
}

async function startWith(
  { subgraphs }: Parameters<StartGateway>[0],
  buildService: BuildService,
): ReturnType<StartGateway> {
  const gateway = new ApolloGateway({
    supergraphSdl: composeWithApollo(
      subgraphs.map((subgraph) => ({ ...subgraph, sdl: dropAuthenticated(subgraph.sdl) })),
    ),
    logger: silent,
    ...(buildService && { buildService }),
  })
  const { schema, executor } = await gateway.load()
  const yoga = createYoga({
    schema,
    context: ({ request }) => ({ authorization: request.headers.get('authorization') }),
    plugins: [useExecutor(executor)],
    maskedErrors: false,
    logging: false,
  })
  const listening = await listen((request, response) => void yoga(request, response), { host: '127.0.0.1', port: 0 })
  return {
    url: `${listening.url}/graphql`,
    [Symbol.asyncDispose]: async () => {
      await listening.drain(0)
      await gateway.stop()
    },
  }
}

/** Apollo's own composition; throws with every reason when the subgraphs do not fit together. */
export function composeWithApollo(subgraphs: readonly Subgraph[]): string {
  const { supergraphSdl, errors = [] } = composeServices(
    subgraphs.map(({ name, url, sdl }) => ({ name, url, typeDefs: parse(sdl) })),
  )
  if (supergraphSdl === undefined) throw new Error(errors.map(({ message }) => message).join('\n'))
  return supergraphSdl
}

/** Apollo Gateway starts with no supergraph that has `@authenticated`; ours: `schema --subgraph --no-authenticated`. */
function dropAuthenticated(sdl: string): string {
  return sdl.replaceAll(/"@authenticated",? ?| @authenticated/g, '')
}

/** Runs the operation by the gateway's plan, as Apollo Server does. */
function useExecutor(executor: Executor): Plugin {
  return {
    onExecute({ setExecuteFn }) {
      setExecuteFn((args: ExecutionArgs) => {
        const { document, operationName, variableValues, contextValue, schema } = args
        const query = print(document)
        return executor({
          request: { query, operationName, variables: variableValues },
          document,
          operationName,
          operation: getOperationAST(document, operationName),
          source: query,
          queryHash: hash('sha256', query),
          context: contextValue,
          schema,
          logger: silent,
          metrics: {},
        } as unknown as Parameters<Executor>[0])
      })
    },
  }
}

const ignore = (): void => undefined
export const silent = { debug: ignore, info: ignore, warn: ignore, error: ignore }
