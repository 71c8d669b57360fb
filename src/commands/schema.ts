/** `tokengraph schema`: prints the schema in one of its two forms. */
import { schema } from '../schema/index.ts'
import { printClientSchema, printSubgraph } from '../schema/sdl.ts'

/** Returns the exit code. */
export function printSdl(options: { subgraph: boolean; out: { write(text: string): unknown } }): number {
  options.out.write(options.subgraph ? printSubgraph(schema) : printClientSchema(schema))
  return 0
}
