/** `tokengraph schema`: prints the schema in one of its two forms. */
import { schema } from '../schema/index.ts'
import { printClientSchema, printSubgraph } from '../schema/sdl.ts'

export interface PrintOptions {
  /** The Federation SDL instead of the schema as clients see it. */
  readonly subgraph?: boolean
  readonly authenticated: boolean
  readonly out: { write(text: string): unknown }
}

/** Returns the exit code. */
export function printSdl({ subgraph = false, authenticated, out }: PrintOptions): number {
  out.write(subgraph ? printSubgraph(schema, { authenticated }) : printClientSchema(schema))
  return 0
}
