/** What the proofs read of a request, whatever brought it here. */
export interface GatewayRequest {
  readonly method: string
  /** Of the URL, without the query. */
  readonly path: string
  /** By its name in lower case; null: absent. */
  header(name: string): string | null
  /** The bytes as they were sent. Rejects with BAD_USER_INPUT when there are too many. */
  body(): Promise<Uint8Array>
}
