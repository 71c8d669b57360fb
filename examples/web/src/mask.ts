/** `abcdefghijklmnopqrst` → `abcde…qrst`. Short tokens show nothing: their ends would be most of them. */
export function maskToken(token: string): string {
  return token.length < 16 ? '…' : `${token.slice(0, 5)}…${token.slice(-4)}`
}
