/** A local server behind TLS, with a certificate that only its own file vouches for: a private CA. */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:tls'

export interface TlsServer extends AsyncDisposable {
  /** `https://localhost:PORT` */
  readonly url: string
  /** The certificate in PEM, for `NODE_EXTRA_CA_CERTS`. */
  readonly certificate: string
}

/** Terminates TLS on a free port of 127.0.0.1 and passes everything on to `target`, `http://127.0.0.1:PORT`. */
export async function startTls(target: string): Promise<TlsServer> {
  const { key, certificate } = inventCertificate('localhost')
  const server = createServer({ key, cert: certificate }, (socket) => {
    const onward = connect(Number(new URL(target).port), '127.0.0.1')
    for (const end of [socket, onward])
      end.on('error', () => {
        socket.destroy()
        onward.destroy()
      })
    socket.pipe(onward).pipe(socket)
  })
  // A client that does not trust the certificate ends the handshake.
  server.on('tlsClientError', () => undefined)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    url: `https://localhost:${(server.address() as AddressInfo).port}`,
    certificate,
    [Symbol.asyncDispose]: async () => {
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** A certificate for `name` that is its own CA (RFC 5280), valid until 2049. Node signs, but writes no certificates. */
function inventCertificate(name: string): { readonly key: string; readonly certificate: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const ecdsaWithSha256 = sequence(oid('2a8648ce3d040302'))
  // CAs are found by their names, which therefore differ.
  const serial = randomBytes(8)
  const commonName = sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(serial.toString('hex'))))))
  const extension = (id: string, value: Buffer) => sequence(oid(id), der(0x04, value))
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.concat([Buffer.from([1]), serial])),
    ecdsaWithSha256,
    commonName,
    sequence(der(0x17, Buffer.from('200101000000Z')), der(0x17, Buffer.from('491231235959Z'))),
    commonName,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(
      0xa3,
      sequence(
        extension('551d13', sequence(der(0x01, Buffer.from([0xff])))), // basicConstraints: a CA
        extension('551d11', sequence(der(0x82, Buffer.from(name)))), // subjectAltName
      ),
    ),
  )
  const signature = der(0x03, Buffer.concat([Buffer.from([0]), sign('sha256', body, privateKey)]))
  const base64 = sequence(body, ecdsaWithSha256, signature).toString('base64').replaceAll(/.{64}/g, '$&\n')
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certificate: `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`,
  }
}

/** One element of DER: tag, length and content. */
function der(tag: number, content: Buffer): Buffer {
  const { length } = content
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...head]), content])
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts))
}

function oid(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, 'hex'))
}
