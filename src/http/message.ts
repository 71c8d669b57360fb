/** One HTTP exchange as plain values: what the adapters for node:http and for fetch have in common. */
import type { ErrorCode, ErrorDetails } from '../errors.ts'

/** What is known of a request before its body is read. */
export interface HttpRequest {
  /** In upper case. */
  readonly method: string
  /** The path of the target as it was sent, without the query: nothing in it is decoded or resolved. */
  readonly path: string
  /** What follows the `?` of the target, as it was sent; empty where nothing does. */
  readonly query: string
  /** The Host header or the authority of an absolute target, with the port; empty when the request has none. */
  readonly host: string
  /** The same object for all requests of one connection. */
  readonly connection: object
  /** The value of a header by its name in lower case; null when it is absent. */
  header(name: string): string | null
  /**
   * Reads the body as it was sent. Resolves to null as soon as there are more than `maxBytes`, and leaves the rest
   * unread; rejects with `RefusedError` when the caller goes away. Further calls return what the first one read.
   */
  readBody(maxBytes: number): Promise<Buffer<ArrayBuffer> | null>
  /**
   * Returns what aborts when the caller goes away before the response is sent. A method and no getter: an object literal
   * with a getter has a hidden class of its own each time, which keeps what it refers to alive for long.
   */
  signal(): AbortSignal
}

export interface HttpResponse {
  readonly status: number
  /** By their names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array<ArrayBuffer> | null
}

/** Why a request is not answered, and with what status. */
export interface Refusal {
  readonly status: number
  readonly code: ErrorCode
  /** Shown to the caller. */
  readonly message: string
  /** Those of this refusal, beside the headers of every response. */
  readonly headers?: Readonly<Record<string, string>>
  /** Further members of `extensions`. */
  readonly details?: ErrorDetails
}

/** Answers one request; never rejects. */
export type HttpHandler = (request: HttpRequest) => Promise<HttpResponse>

/** The part of a request that the policy decides by. */
export type RequestHead = Pick<HttpRequest, 'method' | 'path' | 'host' | 'header'>
