/** Hive Gateway as the example sets it up, and with other settings. */
import type { GatewayConfigSupergraph } from '@graphql-hive/gateway-runtime'
import { compose } from '../../examples/supergraph/compose.ts'
import { startGateway } from '../../examples/supergraph/gateway.ts'
import type { StartGateway } from './gateway.ts'

/** As the example sets it up; without `forwardAuthorization` it forwards no header. */
export const startHiveGateway: StartGateway = ({ forwardAuthorization, ...options }) =>
  hiveGatewayWith(forwardAuthorization ? {} : { propagateHeaders: {} })({ forwardAuthorization, ...options })

/** With settings that take the place of the example's. */
export function hiveGatewayWith(settings: Partial<GatewayConfigSupergraph>): StartGateway {
  return async ({ subgraphs }) => {
    const gateway = await startGateway({ supergraph: compose(subgraphs), settings })
    return { url: `${gateway.url}/graphql`, [Symbol.asyncDispose]: () => gateway[Symbol.asyncDispose]() }
  }
}
