/** The gateways that the suite runs against, each really listening, by the name in the titles of the tests. */
import { startApolloGateway } from './apollo-gateway.ts'
import type { StartGateway } from './gateway.ts'
import { startHiveGateway } from './hive-gateway.ts'

export const gateways: readonly (readonly [name: string, start: StartGateway])[] = [
  ['Apollo Gateway', startApolloGateway],
  ['Hive Gateway', startHiveGateway],
]
