/** `tokengraph schema`: prints the schema in one of its forms. */
import { schema } from '../schema/index.ts'
import { printClientSchema, printIntrospection, printSubgraph } from '../schema/sdl.ts'

export interface PrintOptions {
  /** The Federation SDL instead of the schema as clients see it. */
  readonly subgraph?: boolean
  readonly authenticated: boolean
  /** The JSON of an introspection result instead of SDL. */
  readonly introspection?: boolean
  readonly out: { write(text: string): unknown }
}

/** Returns the exit code. */
export function printSdl({ out, ...form }: PrintOptions): number {
  out.write(print(form))
  return 0
}

function print({ subgraph = false, authenticated, introspection = false }: Omit<PrintOptions, 'out'>): string {
  if (introspection) return printIntrospection(schema)
  return subgraph ? printSubgraph(schema, { authenticated }) : printClientSchema(schema)
}
