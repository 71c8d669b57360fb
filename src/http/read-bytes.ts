/** The bytes of a body, as they were sent. */

/** null as soon as there are more than `most`; the rest is left where it is. */
export async function readBytes(
  body: ReadableStream<Uint8Array> | null,
  most: number,
): Promise<Buffer<ArrayBuffer> | null> {
  if (body === null) return Buffer.alloc(0)
  // No `for await`: leaving it would cancel the body and with it the connection, before anything is answered.
  const reader = body.getReader()
  const chunks: Uint8Array[] = []
  let length = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return Buffer.concat(chunks, length)
    length += value.byteLength
    if (length > most) return null
    chunks.push(value)
  }
}
