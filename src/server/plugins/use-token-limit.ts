/** Ends parsing after so many lexical tokens: nothing later is ever larger than this. */
import { parse } from 'graphql'
import type { ParseOptions, Source } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { refuseOperation } from '../refuse-operation.ts'

export function useTokenLimit(maxTokens: number): Plugin {
  return {
    onParse({ setParseFn }) {
      setParseFn((source: string | Source, options?: ParseOptions) => parse(source, { ...options, maxTokens }))
      return ({ result, replaceParseResult }) => {
        // graphql gives the error no code; its sentence is "Document contains more that 1000 tokens. Parsing aborted."
        if (result instanceof Error && /Document contains more tha[nt] \d+ tokens/.test(result.message))
          replaceParseResult(refuseOperation(`The operation is too long: at most ${String(maxTokens)} tokens.`))
      }
    },
  }
}
