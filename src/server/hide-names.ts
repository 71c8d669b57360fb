/** Takes names of the schema out of error messages: GraphQL's own tell the types and arguments next to a mistake. */
import { isEnumType, isInputObjectType, isInterfaceType, isObjectType } from 'graphql'
import type { GraphQLSchema } from 'graphql'

const name = /[_A-Za-z][_0-9A-Za-z]*/g
// Values of variables are quoted as JSON, so a quotation mark within one is escaped.
const quotation = /"(?:\\.|[^"\\])*"/g

/**
 * Returns a function from a message and the text of the operation to the message without the names of the schema that
 * do not stand in that text. GraphQL quotes every name that it mentions, so only what is quoted is looked at.
 */
export function createHideNames(schema: GraphQLSchema): (message: string, sent: string) => string {
  const names = namesOf(schema)
  return (message, sent) => {
    if (!message.includes('"')) return message
    const known = new Set(sent.match(name))
    return message.replace(quotation, (quoted) => {
      const revealed = (quoted.match(name) ?? []).some((word) => names.has(word) && !known.has(word))
      return revealed ? '"…"' : quoted
    })
  }
}

function namesOf(schema: GraphQLSchema): ReadonlySet<string> {
  const names = new Set(schema.getDirectives().map((directive) => directive.name))
  for (const type of Object.values(schema.getTypeMap())) {
    // `ID` and `Int` are GraphQL's, but beside an argument they tell its type.
    names.add(type.name)
    if (isEnumType(type)) for (const value of type.getValues()) names.add(value.name)
    if (isObjectType(type) || isInterfaceType(type))
      for (const field of Object.values(type.getFields())) {
        names.add(field.name)
        for (const argument of field.args) names.add(argument.name)
      }
    if (isInputObjectType(type)) for (const field of Object.values(type.getFields())) names.add(field.name)
  }
  return names
}
