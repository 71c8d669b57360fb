/** Answers that end a request before GraphQL runs: the same shape as every other error. */
import type { Refusal } from './policy.ts'

export function refuse({ status, code, message, headers = {} }: Refusal): Response {
  return answerJson(status, { errors: [{ message, extensions: { code } }] }, headers)
}

export function answerJson(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
  })
}
