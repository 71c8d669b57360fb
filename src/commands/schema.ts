/** `tokengraph schema`: prints the schema in one of its forms. */
import { schema } from '../schema/index.ts'
import type { FederationVersion } from '../schema/options.ts'
import { printClientSchema, printIntrospection, printSubgraph } from '../schema/sdl.ts'
import type { Output } from './terminal.ts'

export interface SchemaForm {
  /** The Federation SDL instead of the schema as clients see it. */
  readonly subgraph?: boolean
  /** Whether the Federation SDL has `@authenticated`. */
  readonly authenticated: boolean
  /** Whether the Federation SDL has the entity only, without root fields. */
  readonly entitiesOnly?: boolean
  readonly federation?: FederationVersion
  /** The JSON of an introspection result instead of SDL. */
  readonly introspection?: boolean
}

/** Returns the exit code, 0. */
export function printSchema(form: SchemaForm, { out }: Output): 0 {
  out.write(textOf(form))
  return 0
}

function textOf({ subgraph, authenticated, entitiesOnly, federation, introspection }: SchemaForm): string {
  if (introspection === true) return printIntrospection(schema)
  if (subgraph !== true) return printClientSchema(schema)
  const version = federation === undefined ? {} : { federation }
  return printSubgraph(schema, { authenticated, root_fields: entitiesOnly !== true, ...version })
}
